//! The contract as its descriptor set holds it, comments included.

use prost_reflect::{DescriptorPool, FileDescriptor, MessageDescriptor, MethodDescriptor};

/// An element of the contract, and the comment above it.
pub struct Documented {
    pub name: String,
    pub comment: String,
}

/// Without the files of other packages.
pub struct Contract {
    pub pool: DescriptorPool,
    pub files: Vec<FileDescriptor>,
}

pub fn contract() -> Contract {
    let pool = DescriptorPool::decode(tidegate_proto::DESCRIPTOR_SET).unwrap();
    let files = pool.files().filter(|file| file.package_name() == "tidegate.v1").collect();
    Contract { pool, files }
}

impl Contract {
    pub fn methods(&self) -> Vec<MethodDescriptor> {
        let services = self.files.iter().flat_map(FileDescriptor::services);
        services.flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
    }

    /// No message or enum of the contract lies inside another; a test checks it.
    pub fn messages(&self) -> Vec<MessageDescriptor> {
        self.files.iter().flat_map(FileDescriptor::messages).collect()
    }

    pub fn enums(&self) -> Vec<prost_reflect::EnumDescriptor> {
        self.files.iter().flat_map(FileDescriptor::enums).collect()
    }

    /// Everything that can carry a comment.
    pub fn everything(&self) -> Vec<Documented> {
        let mut all = Vec::new();
        let mut add = |file: &FileDescriptor, path: &[i32], name: &str| {
            all.push(Documented { name: name.to_owned(), comment: comment(file, path) });
        };
        for file in &self.files {
            // The package's line: field 2 of a file.
            add(file, &[2], file.name());
            for service in file.services() {
                add(file, service.path(), service.full_name());
                service.methods().for_each(|method| add(file, method.path(), method.full_name()));
            }
            for message in file.messages() {
                add(file, message.path(), message.full_name());
                message.fields().for_each(|field| add(file, field.path(), field.full_name()));
                let oneofs = message.oneofs().filter(|oneof| !oneof.is_synthetic());
                oneofs.for_each(|oneof| add(file, oneof.path(), oneof.full_name()));
            }
            for words in file.enums() {
                add(file, words.path(), words.full_name());
                words.values().for_each(|value| add(file, value.path(), value.full_name()));
            }
            file.extensions().for_each(|field| add(file, field.path(), field.full_name()));
        }
        all
    }
}

/// The comment of an element, on one line; empty when there is none.
pub fn comment(file: &FileDescriptor, path: &[i32]) -> String {
    let info = file.file_descriptor_proto().source_code_info.as_ref().unwrap();
    let place = info.location.iter().find(|place| place.path == path);
    let words = place.and_then(|place| place.leading_comments.as_deref()).unwrap_or_default();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The comment of a method.
pub fn about(method: &MethodDescriptor) -> String {
    comment(&method.parent_file(), method.path())
}

/// The comments in front of an element that an empty line separates from it.
pub fn detached_comments(file: &FileDescriptor, path: &[i32]) -> Vec<String> {
    let info = file.file_descriptor_proto().source_code_info.as_ref().unwrap();
    let place = info.location.iter().find(|place| place.path == path);
    let texts = place.map(|place| place.leading_detached_comments.as_slice()).unwrap_or_default();
    texts.iter().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// `RealmNotFound` → `REALM_NOT_FOUND`.
pub fn shouted(name: &str) -> String {
    let gap = |at: usize, letter: char| if at > 0 && letter.is_uppercase() { "_" } else { "" };
    name.char_indices().fold(String::new(), |text, (at, letter)| {
        format!("{text}{}{}", gap(at, letter), letter.to_ascii_uppercase())
    })
}
