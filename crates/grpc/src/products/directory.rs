//! The method directory: reads and renders a product's part of its entry, and the entry as a whole.

use tidegate_core::{Country, DeclaredMethod, DirectoryEntry, MethodCategory, PageUrl, SiteCategory, Title};
use tidegate_proto as proto;
use tidegate_service::products::{GetMethodDirectory, MethodDirectory, SupportedCategory};

use crate::{
    form::Form,
    render::{method, timestamp},
};

const MAX_SITE_CATEGORIES: usize = 5;
const MAX_REGIONS: usize = 50;
const MAX_NAMES: usize = 10;

pub(super) fn get(message: proto::GetMethodDirectoryRequest, form: &mut Form) -> Option<GetMethodDirectory> {
    Some(GetMethodDirectory { product: form.text("product", &message.product)? })
}

pub(super) fn got(directory: MethodDirectory) -> proto::GetMethodDirectoryResponse {
    let MethodDirectory { product, methods, attribution } = directory;
    let site_categories = product.settings.directory.as_ref().map(DirectoryEntry::categories);
    let entry = product.settings.directory.map(stored).unwrap_or_default();
    let directory = proto::MethodDirectory {
        product: product.key.into(),
        title: product.title.into(),
        domain: entry.domain,
        methods: methods.into_iter().map(supported).collect(),
        documentation_url: entry.documentation_url,
        recovery_url: entry.recovery_url,
        verify_time: entry.verify_time,
        attribution,
        site_categories: strings(site_categories.unwrap_or_default()),
        regions: entry.regions,
        excluded_regions: entry.excluded_regions,
    };
    proto::GetMethodDirectoryResponse { directory: Some(directory) }
}

fn supported(supported: SupportedCategory) -> proto::SupportedMethod {
    proto::SupportedMethod {
        category: category(supported.category).into(),
        methods: supported.methods.into_iter().map(|one| method(one).into()).collect(),
        declared: supported.declared,
        names: strings(supported.names),
    }
}

/// What the product says of itself.
pub(super) fn stored(entry: DirectoryEntry) -> proto::DirectoryEntry {
    let declared = |one: DeclaredMethod| proto::DeclaredMethod {
        category: category(one.category).into(),
        names: strings(one.names),
    };
    proto::DirectoryEntry {
        domain: entry.domain.into(),
        documentation_url: entry.documentation.map(String::from).unwrap_or_default(),
        recovery_url: entry.recovery.map(String::from).unwrap_or_default(),
        verify_time: entry.verified_at.map(timestamp),
        attribution: entry.attribution.map(String::from).unwrap_or_default(),
        site_categories: strings(entry.site_categories),
        regions: strings(entry.regions),
        excluded_regions: strings(entry.excluded_regions),
        declared_methods: entry.declared.into_iter().map(declared).collect(),
    }
}

fn strings<T: Into<String>>(texts: Vec<T>) -> Vec<String> {
    texts.into_iter().map(Into::into).collect()
}

/// `Some(None)`: there is none.
pub(super) fn entry(wire: Option<proto::DirectoryEntry>, form: &mut Form) -> Option<Option<DirectoryEntry>> {
    let Some(wire) = wire else { return Some(None) };
    form.within("directory", |form| {
        let domain = form.text("domain", &wire.domain);
        let documentation = form.optional::<PageUrl>("documentation_url", &wire.documentation_url);
        let recovery = form.optional::<PageUrl>("recovery_url", &wire.recovery_url);
        let verified_at = form.time("verify_time", wire.verify_time);
        let attribution = form.optional::<Title>("attribution", &wire.attribution);
        let site_categories =
            few::<SiteCategory>("site_categories", &wire.site_categories, MAX_SITE_CATEGORIES, form);
        let regions = few::<Country>("regions", &wire.regions, MAX_REGIONS, form);
        let excluded = few::<Country>("excluded_regions", &wire.excluded_regions, MAX_REGIONS, form);
        if !wire.regions.is_empty() && !wire.excluded_regions.is_empty() {
            form.note::<()>("excluded_regions", "must not be given beside regions");
        }
        let declared = declared(wire.declared_methods, form);
        Some(Some(DirectoryEntry {
            domain: domain?,
            documentation: documentation?,
            recovery: recovery?,
            verified_at: verified_at?,
            attribution: attribution?,
            site_categories: site_categories?,
            regions: regions?,
            excluded_regions: excluded?,
            declared: declared?,
        }))
    })
}

/// At most so many texts, each of them once.
fn few<T>(field: &str, texts: &[String], most: usize, form: &mut Form) -> Option<Vec<T>>
where
    T: std::str::FromStr<Err: std::fmt::Display> + PartialEq,
{
    if texts.len() > most {
        return form.note(field, format!("must be at most {most}"));
    }
    let mut once = Vec::new();
    for value in form.texts::<T>(field, texts)? {
        if !once.contains(&value) {
            once.push(value);
        }
    }
    Some(once)
}

fn declared(wire: Vec<proto::DeclaredMethod>, form: &mut Form) -> Option<Vec<DeclaredMethod>> {
    let mut declared: Vec<DeclaredMethod> = Vec::new();
    for (place, one) in wire.into_iter().enumerate() {
        let read = form.within_item("declared_methods", place, |form| {
            let category = form.word("category", one.category, read_category);
            let names = few::<Title>("names", &one.names, MAX_NAMES, form);
            let category = category?;
            if !category.has_names() && !one.names.is_empty() {
                form.note::<()>("names", "must be given for custom software and hardware only");
            }
            if declared.iter().any(|other| other.category == category) {
                form.note::<()>("category", "must not be declared twice");
            }
            Some(DeclaredMethod { category, names: names? })
        });
        declared.push(read?);
    }
    Some(declared)
}

const fn category(category: MethodCategory) -> proto::MethodCategory {
    match category {
        MethodCategory::Sms => proto::MethodCategory::Sms,
        MethodCategory::Call => proto::MethodCategory::Call,
        MethodCategory::Email => proto::MethodCategory::Email,
        MethodCategory::Totp => proto::MethodCategory::Totp,
        MethodCategory::U2f => proto::MethodCategory::U2f,
        MethodCategory::CustomSoftware => proto::MethodCategory::CustomSoftware,
        MethodCategory::CustomHardware => proto::MethodCategory::CustomHardware,
    }
}

fn read_category(wire: proto::MethodCategory) -> Option<MethodCategory> {
    match wire {
        proto::MethodCategory::Unspecified => None,
        proto::MethodCategory::Sms => Some(MethodCategory::Sms),
        proto::MethodCategory::Call => Some(MethodCategory::Call),
        proto::MethodCategory::Email => Some(MethodCategory::Email),
        proto::MethodCategory::Totp => Some(MethodCategory::Totp),
        proto::MethodCategory::U2f => Some(MethodCategory::U2f),
        proto::MethodCategory::CustomSoftware => Some(MethodCategory::CustomSoftware),
        proto::MethodCategory::CustomHardware => Some(MethodCategory::CustomHardware),
    }
}
