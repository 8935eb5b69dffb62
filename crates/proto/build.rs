//! Generates the wire types, the descriptor set, the table of method rules, and which messages
//! carry a `request_id`. A method without a rule fails the build.

use std::{env, error::Error, fmt::Write as _, fs, path::PathBuf};

use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};

const ROOT: &str = "../../proto";
const RULE: &str = "tidegate.v1.rule";

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script where to write by the environment")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={ROOT}");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut files = fs::read_dir(format!("{ROOT}/tidegate/v1"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>, std::io::Error>>()?;
    files.sort();

    let mut compiler = protox::Compiler::new([ROOT])?;
    compiler.include_imports(true).include_source_info(true).open_files(files)?;
    // `file_descriptor_set().encode_to_vec()` would drop custom options: prost keeps no unknown fields.
    fs::write(out.join("descriptor.bin"), compiler.encode_file_descriptor_set())?;
    let pool = compiler.descriptor_pool();
    fs::write(out.join("rules.rs"), rules(&pool)?)?;
    fs::write(out.join("requests.rs"), requests(&pool)?)?;
    fs::write(out.join("shapes.rs"), shapes(&pool)?)?;
    let mut config = prost_build::Config::new();
    // Sorted maps make encoding repeatable, which the digest of a request body relies on.
    config.enable_type_names().btree_map(["."]);
    tonic_prost_build::configure().compile_fds_with_config(compiler.file_descriptor_set(), config)?;
    Ok(())
}

/// Generates the table of rules, one line per method:
/// `("/package.Service/Method", MethodRule { … })`. Also generates the names of the services, the
/// paths of the methods that stream, and the paths of those whose requests stream. A method without
/// a rule fails the build.
fn rules(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let extension = pool.get_extension_by_name(RULE).ok_or("the rule option is not declared")?;
    let mut table = String::from("pub const RULES: &[(&str, MethodRule)] = &[\n");
    for service in pool.services() {
        for method in service.methods() {
            let path = format!("/{}/{}", service.full_name(), method.name());
            let options = method.options();
            if !options.has_extension(&extension) {
                return Err(format!("{path} declares no rule").into());
            }
            let value = options.get_extension(&extension);
            let rule = value.as_message().ok_or("the rule option is not a message")?;
            writeln!(
                table,
                "    (\"{path}\", MethodRule {{ permission: {}, audit: {}, idempotency: {} }}),",
                number(rule, "permission", &method)?,
                number(rule, "audit", &method)?,
                number(rule, "idempotency", &method)?
            )?;
        }
    }
    table.push_str("];\n");
    let paths = |streams: fn(&MethodDescriptor) -> bool| -> Vec<String> {
        let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
        let streams = methods.filter(streams);
        streams.map(|method| format!("/{}/{}", method.parent_service().full_name(), method.name())).collect()
    };
    let streams = paths(|method| method.is_client_streaming() || method.is_server_streaming());
    let client_streams = paths(MethodDescriptor::is_client_streaming);
    let services: Vec<String> = pool.services().map(|service| service.full_name().to_owned()).collect();
    writeln!(table, "pub const SERVICES: &[&str] = &{services:?};")?;
    writeln!(table, "pub const STREAMS: &[&str] = &{streams:?};")?;
    writeln!(table, "pub const CLIENT_STREAMS: &[&str] = &{client_streams:?};")?;
    Ok(table)
}

/// Generates `impl Request for XRequest` for the input of every method, which returns its
/// `request_id` or `None`. The build fails if the rule says that the method is idempotent by
/// `request_id` and the field is missing, or the reverse.
fn requests(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let mut code = String::new();
    let rule = pool.get_extension_by_name(RULE).ok_or("the rule option is not declared")?;
    for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let by_request_id = method.options().get_extension(&rule).as_message().is_some_and(|rule| {
            rule.get_field_by_name("idempotency").and_then(|field| field.as_enum_number()) == Some(2)
        });
        let input = method.input();
        let has_field = input.get_field_by_name("request_id").is_some();
        if by_request_id != has_field {
            return Err(
                format!("{}: request_id and idempotency contradict each other", method.full_name()).into()
            );
        }
        let id = if has_field { "Some(&self.request_id)" } else { "None" };
        writeln!(
            code,
            "impl Request for {} {{ fn request_id(&self) -> Option<&str> {{ {id} }} }}",
            input.name()
        )?;
    }
    Ok(code)
}

/// Generates which fields of a message are messages themselves: a slice for each message, of field numbers and of the places
/// of their messages in the table. Also the place of each method's request.
fn shapes(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let messages: Vec<_> = pool.all_messages().collect();
    let place = |name: &str| messages.iter().position(|message| message.full_name() == name);
    let mut table = String::from("pub const SHAPES: &[&[(u32, usize)]] = &[\n");
    for message in &messages {
        let mut fields = Vec::new();
        for field in message.fields() {
            if let Some(inner) = field.kind().as_message() {
                fields.push((field.number(), place(inner.full_name()).ok_or("a message is missing")?));
            }
        }
        writeln!(table, "    &{fields:?},")?;
    }
    table.push_str("];\npub const REQUEST_SHAPES: &[(&str, usize)] = &[\n");
    for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let request = place(method.input().full_name()).ok_or("a request is missing")?;
        writeln!(table, "    (\"/{}/{}\", {request}),", method.parent_service().full_name(), method.name())?;
    }
    table.push_str("];\n");
    Ok(table)
}

fn number(rule: &DynamicMessage, field: &str, method: &MethodDescriptor) -> Result<i32, Box<dyn Error>> {
    let value = rule.get_field_by_name(field).and_then(|value| value.as_enum_number());
    value
        .filter(|number| *number != 0)
        .ok_or_else(|| format!("{} declares no {field}", method.full_name()).into())
}
