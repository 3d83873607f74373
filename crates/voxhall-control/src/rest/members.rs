use crate::control::Core;
use axum::Router;
use std::sync::Arc;
pub(super) fn api() -> Router<Arc<Core>> {
    Router::new()
}
