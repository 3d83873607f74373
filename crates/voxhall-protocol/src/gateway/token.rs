//! What stands before a token.

/// The kind of account a token claims to be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Nothing in front: a user account, or a bot whose library leaves it out on the Gateway.
    Bare,
    /// `Bot `.
    Bot,
    /// `Bearer `: OAuth2.
    Bearer,
}

impl TokenKind {
    /// Takes an `Authorization` header, or a `token` field, apart.
    #[must_use]
    pub fn split(text: &str) -> (Self, &str) {
        if let Some(token) = text.strip_prefix("Bot ") {
            (Self::Bot, token)
        } else if let Some(token) = text.strip_prefix("Bearer ") {
            (Self::Bearer, token)
        } else {
            (Self::Bare, text)
        }
    }
}
