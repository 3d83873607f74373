//! Routes that describe themselves.
//!
//! [`Routes`] stands where axum's `Router` would, and is the only way into the router that is served: what is served
//! is described, in the types that its handler really takes and gives. The description is made when the document is
//! asked for; until then a route carries one function pointer for it.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, any};

use super::operation::{Input, Operation, Output};
use crate::control::Core;

/// A handler whose arguments and answer can be described.
pub(crate) trait Endpoint<T>: Handler<T, Arc<Core>> {
    /// Writes down what it takes and gives.
    fn describe(operation: &mut Operation<'_>);
}

macro_rules! endpoints {
    ($(($($input:ident),*))+) => {$(
        impl<F, Fut, Answer, M, $($input),*> Endpoint<(M, $($input,)*)> for F
        where
            F: Handler<(M, $($input,)*), Arc<Core>> + FnOnce($($input),*) -> Fut,
            Fut: Future<Output = Answer>,
            Answer: Output,
            $($input: Input,)*
        {
            fn describe(operation: &mut Operation<'_>) {
                $($input::describe(operation);)*
                Answer::describe(operation);
            }
        }
    )+};
}

endpoints! {
    ()
    (A)
    (A, B)
    (A, B, C)
    (A, B, C, D)
    (A, B, C, D, E)
    (A, B, C, D, E, G)
    (A, B, C, D, E, G, H)
    (A, B, C, D, E, G, H, I)
}

/// Writes down what a handler takes and gives.
type Describe = fn(&mut Operation<'_>);

/// One method of one path, as the document needs it.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) method: Method,
    /// The path with `{names}`, prefix included.
    pub(super) path: String,
    /// What it belongs to.
    pub(super) tag: &'static str,
    /// One line for people.
    pub(super) summary: &'static str,
    pub(super) describe: Describe,
}

/// The methods of one path; begin with [`get`], [`post`], [`put`], [`patch`] or [`delete`].
pub(crate) struct Methods {
    handlers: MethodRouter<Arc<Core>>,
    described: Vec<(Method, &'static str, Describe)>,
}

macro_rules! methods {
    ($($name:ident $filter:ident),+ $(,)?) => {
        $(
            #[doc = concat!("Serves ", stringify!($filter), "; `summary` is one line for people.")]
            pub(crate) fn $name<H: Endpoint<T>, T: 'static>(handler: H, summary: &'static str) -> Methods {
                Methods::none().$name(handler, summary)
            }
        )+

        impl Methods {
            $(
                #[doc = concat!("Serves ", stringify!($filter), " as well.")]
                pub(crate) fn $name<H: Endpoint<T>, T: 'static>(self, handler: H, summary: &'static str) -> Self {
                    self.with(Method::$filter, MethodFilter::$filter, handler, summary)
                }
            )+
        }
    };
}

methods!(get GET, post POST, put PUT, patch PATCH, delete DELETE);

impl Methods {
    fn none() -> Self {
        Self {
            handlers: MethodRouter::new(),
            described: Vec::new(),
        }
    }

    fn with<H: Endpoint<T>, T: 'static>(
        mut self,
        method: Method,
        filter: MethodFilter,
        handler: H,
        summary: &'static str,
    ) -> Self {
        self.handlers = self.handlers.on(filter, handler);
        self.described.push((method, summary, H::describe));
        self
    }
}

/// Routes with their descriptions.
#[derive(Clone)]
pub(crate) struct Routes {
    tag: &'static str,
    router: Router<Arc<Core>>,
    described: Vec<Route>,
}

impl Routes {
    /// No route yet; `tag` is the heading that the document puts those to come under.
    pub(crate) fn new(tag: &'static str) -> Self {
        Self {
            tag,
            router: Router::new(),
            described: Vec::new(),
        }
    }

    /// Serves a path.
    pub(crate) fn route(mut self, path: &'static str, methods: Methods) -> Self {
        self.router = self.router.route(path, methods.handlers);
        let tag = self.tag;
        let described = methods
            .described
            .into_iter()
            .map(|(method, summary, describe)| Route {
                method,
                path: path.to_owned(),
                tag,
                summary,
                describe,
            });
        self.described.extend(described);
        self
    }

    /// Serves WebSockets on a path.
    pub(crate) fn socket<H: Handler<T, Arc<Core>>, T: 'static>(
        mut self,
        path: &'static str,
        handler: H,
        summary: &'static str,
    ) -> Self {
        self.router = self.router.route(path, any(handler));
        self.described.push(Route {
            method: Method::GET,
            path: path.to_owned(),
            tag: self.tag,
            summary,
            describe: |operation| operation.upgrades(),
        });
        self
    }

    /// Takes in other routes.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.described.extend(other.described);
        self
    }

    /// Takes in other routes below a prefix.
    pub(crate) fn nest(mut self, prefix: &'static str, other: Self) -> Self {
        self.router = self.router.nest(prefix, other.router);
        let below = other.described.into_iter().map(|route| Route {
            path: format!("{prefix}{}", route.path),
            ..route
        });
        self.described.extend(below);
        self
    }

    /// What is served.
    pub(super) fn into_router(self) -> Router<Arc<Core>> {
        self.router
    }

    /// What the document says.
    pub(super) fn into_described(self) -> Vec<Route> {
        self.described
    }
}
