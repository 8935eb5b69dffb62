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

pub struct Rules {
    by_path: HashMap<&'static str, Access>,
}

/// The contract names a permission this binary does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} needs a permission this version does not know")]
pub struct UnknownPermission {
    pub path: &'static str,
}

impl Rules {
    pub fn declared() -> Result<Self, UnknownPermission> {
        let mut by_path: HashMap<_, _> = VENDORED.iter().copied().collect();
        for (path, rule) in proto::RULES {
            let permission = permission(rule).ok_or(UnknownPermission { path })?;
            by_path.insert(*path, Access::Needs(permission));
        }
        Ok(Self { by_path })
    }

    /// The paths of all methods.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &'static str> {
        self.by_path.keys().copied()
    }

    /// `None` if the URI has a query: gRPC has no queries.
    pub fn of(&self, uri: &Uri) -> Option<Access> {
        if uri.query().is_some() { None } else { self.by_path.get(uri.path()).copied() }
    }

    /// The path of every method, in order, and what it asks of its caller.
    pub fn all(&self) -> BTreeMap<&'static str, Access> {
        self.by_path.iter().map(|(path, access)| (*path, *access)).collect()
    }
}

/// How many messages a request of the method at this path has.
pub(crate) fn messages(path: &str) -> Messages {
    let streams = proto::CLIENT_STREAMS.contains(&path) || VENDORED_STREAMS.contains(&path);
    if streams { Messages::Any } else { Messages::One }
}

fn permission(rule: &proto::MethodRule) -> Option<Permission> {
    let name = rule.permission().as_str_name();
    Permission::parse(name.strip_prefix("PERMISSION_")?).ok()
}
