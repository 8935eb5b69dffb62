//! Who may call which method: the generated table, checked at start. A method that is not in it is
//! refused.

use std::collections::{BTreeMap, HashMap};

use http::Uri;
use tidegate_core::{Permission, Word as _};
use tidegate_proto as proto;

use crate::frames::Messages;

/// What a method asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing, for probes that have no credential.
    Public,
    Needs(Permission),
}

/// Rules for the methods of other packages, whose protos declare none.
const VENDORED: &[(&str, Access)] = &[
    ("/grpc.health.v1.Health/Check", Access::Public),
    ("/grpc.health.v1.Health/Watch", Access::Public),
    ("/grpc.health.v1.Health/List", Access::Public),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Access::Needs(Permission::AnyCaller)),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Access::Needs(Permission::AnyCaller)),
];

/// The vendored methods whose requests are streams.
const VENDORED_STREAMS: &[&str] = &[
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// The largest message of methods, in bytes.
const SMALL: usize = 64 * 1024;
/// Of methods that anybody may call, and of reflection. Their requests are names, which reflection echoes whole in a refusal.
const NAME: usize = 1024;
/// Of the methods that take more.
const LARGE: &[(&str, usize)] = &[
    ("/tidegate.v1.AccountService/ImportAccounts", 4 * 1024 * 1024),
    ("/tidegate.v1.EvaluationService/BatchEvaluate", 256 * 1024),
    // What a rollout names may be 1 MiB as it is stored.
    ("/tidegate.v1.RolloutService/AddWave", 2 * 1024 * 1024),
    ("/tidegate.v1.RolloutService/CreateRollout", 2 * 1024 * 1024),
    ("/tidegate.v1.RolloutService/PreviewRollout", 2 * 1024 * 1024),
    ("/tidegate.v1.RolloutService/SetLadder", 2 * 1024 * 1024),
    ("/tidegate.v1.RolloutService/UpdateRollout", 2 * 1024 * 1024),
    ("/tidegate.v1.RolloutService/UpdateWave", 2 * 1024 * 1024),
];

/// Methods whose calls read or write a large part of the database.
const BULK: &[&str] = &["/tidegate.v1.AuditService/ExportEvents"];

/// What the request of a method may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestForm {
    pub(crate) messages: Messages,
    /// The bytes of its largest message.
    pub(crate) most: usize,
    /// The place of the message in `proto::SHAPES`.
    pub(crate) shape: usize,
    /// Few such calls may be under way.
    pub(crate) is_bulk: bool,
}

pub struct Rules {
    by_path: HashMap<&'static str, (Access, RequestForm)>,
}

/// The contract names a permission this binary does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} needs a permission this version does not know")]
pub struct UnknownPermission {
    pub path: &'static str,
}

impl Rules {
    pub fn declared() -> Result<Self, UnknownPermission> {
        let vendored = VENDORED.iter().map(|(path, access)| (*path, (*access, form(path, NAME))));
        let mut by_path: HashMap<_, _> = vendored.collect();
        for (path, rule) in proto::RULES {
            let permission = permission(rule).ok_or(UnknownPermission { path })?;
            by_path.insert(*path, (Access::Needs(permission), form(path, SMALL)));
        }
        Ok(Self { by_path })
    }

    /// The paths of all methods.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &'static str> {
        self.by_path.keys().copied()
    }

    /// `None` if the URI has a query: gRPC has no queries.
    pub fn of(&self, uri: &Uri) -> Option<Access> {
        self.with_form(uri).map(|(access, _)| access)
    }

    /// The same, and what the request may be.
    pub(crate) fn with_form(&self, uri: &Uri) -> Option<(Access, RequestForm)> {
        if uri.query().is_some() { None } else { self.by_path.get(uri.path()).copied() }
    }

    /// The path of every method, in order, and what it asks of its caller.
    pub fn all(&self) -> BTreeMap<&'static str, Access> {
        self.by_path.iter().map(|(path, (access, _))| (*path, *access)).collect()
    }
}

/// Whether a request of the method at this path has any number of messages.
pub(crate) fn is_client_stream(path: &str) -> bool {
    proto::CLIENT_STREAMS.contains(&path) || VENDORED_STREAMS.contains(&path)
}

fn form(path: &str, most: usize) -> RequestForm {
    let messages = if is_client_stream(path) { Messages::Any } else { Messages::One };
    let most = LARGE.iter().find(|(large, _)| *large == path).map_or(most, |(_, most)| *most);
    // Those of other packages are small, so that their fields are not counted.
    let shape =
        proto::REQUEST_SHAPES.iter().find(|(of, _)| *of == path).map_or(usize::MAX, |(_, shape)| *shape);
    let is_bulk = messages == Messages::Any || BULK.contains(&path);
    RequestForm { messages, most, shape, is_bulk }
}

fn permission(rule: &proto::MethodRule) -> Option<Permission> {
    let name = rule.permission().as_str_name();
    Permission::parse(name.strip_prefix("PERMISSION_")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_send_small_messages_and_few_methods_take_large_ones() {
        let rules = Rules::declared().unwrap();
        for (path, (access, form)) in &rules.by_path {
            let is_large = LARGE.iter().any(|(large, _)| large == path);
            assert_eq!(form.most > SMALL, is_large, "{path}");
            assert!(*access != Access::Public || form.most == NAME, "{path}");
        }
        assert!(LARGE.iter().map(|(path, _)| path).chain(BULK).all(|path| rules.by_path.contains_key(path)));
    }
}
