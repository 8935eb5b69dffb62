//! Who may call which method: the generated table, checked at start. What is not in it is refused.

use std::collections::HashMap;

use tidegate_core::{Permission, Word as _};
use tidegate_proto as proto;

/// What a method asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: for probes that have no credential.
    Public,
    Needs(Permission),
}

/// Methods of other packages carry no rule of ours.
const VENDORED: &[(&str, Access)] = &[
    ("/grpc.health.v1.Health/Check", Access::Public),
    ("/grpc.health.v1.Health/Watch", Access::Public),
    ("/grpc.health.v1.Health/List", Access::Public),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Access::Needs(Permission::AnyCaller)),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Access::Needs(Permission::AnyCaller)),
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

    pub fn of(&self, path: &str) -> Option<Access> {
        self.by_path.get(path).copied()
    }
}

fn permission(rule: &proto::MethodRule) -> Option<Permission> {
    let name = rule.permission().as_str_name();
    Permission::parse(name.strip_prefix("PERMISSION_")?).ok()
}
