//! The method directory: which of the directory's categories a product supports. What Tidegate offers follows from the
//! method policy, so that the entry cannot claim what no sign-in takes. The product declares the rest.

use tidegate_core::{DeclaredMethod, DirectoryEntry, Method, MethodCategory, MethodPolicy, Title, Word as _};

use crate::policy;

/// The directory's category of a method. `None`: the method is no second factor there.
pub const fn category(method: Method) -> Option<MethodCategory> {
    match method {
        Method::Password | Method::RecoveryCodes => None,
        Method::Totp => Some(MethodCategory::Totp),
        Method::EmailCode => Some(MethodCategory::Email),
        Method::SmsCode => Some(MethodCategory::Sms),
        Method::WebAuthn => Some(MethodCategory::U2f),
        Method::Push | Method::DeviceCode => Some(MethodCategory::CustomSoftware),
    }
}

/// A category that a product supports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupportedCategory {
    pub category: MethodCategory,
    /// Tidegate's methods of the category that the policy offers.
    pub methods: Vec<Method>,
    /// Whether the product declares it.
    pub declared: bool,
    pub names: Vec<Title>,
}

/// The categories that the product supports, in the directory's order.
pub fn supported(policy: &MethodPolicy, declared: &[DeclaredMethod]) -> Vec<SupportedCategory> {
    let offered = policy::second_steps(policy);
    let supported = |category: &MethodCategory| {
        let of_it = |method: &Method| self::category(*method) == Some(*category);
        let methods: Vec<_> = offered.iter().copied().filter(of_it).collect();
        let declared = declared.iter().find(|one| one.category == *category);
        (!methods.is_empty() || declared.is_some()).then(|| SupportedCategory {
            category: *category,
            methods,
            declared: declared.is_some(),
            names: declared.map(|one| one.names.clone()).unwrap_or_default(),
        })
    };
    MethodCategory::ALL.iter().filter_map(supported).collect()
}

/// Whether a product may declare the category. Where Tidegate has a method of it, only the policy says whether the product
/// has it; custom software and hardware can be the product's own as well.
pub fn is_declarable(category: MethodCategory) -> bool {
    let has_method = Method::ALL.iter().any(|method| self::category(*method) == Some(category));
    category.has_names() || !has_method
}

/// The licence of the directory's data, which demands that the source is named.
const LICENCE: &str = "CC BY-SA";

/// Names the source and the licence of the entry.
pub fn attribution(product: &Title, entry: Option<&DirectoryEntry>) -> String {
    let source = entry.and_then(|entry| entry.attribution.as_ref()).unwrap_or(product);
    match entry {
        Some(entry) => format!("{source}, {}, {LICENCE}", entry.domain),
        None => format!("{source}, {LICENCE}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(category: MethodCategory, names: &[&str]) -> DeclaredMethod {
        DeclaredMethod { category, names: names.iter().map(|name| name.parse().unwrap()).collect() }
    }

    fn categories(policy: &MethodPolicy, declared: &[DeclaredMethod]) -> Vec<&'static str> {
        supported(policy, declared).into_iter().map(|one| one.category.as_str()).collect()
    }

    #[test]
    fn an_entry_lists_what_the_policy_offers() {
        let methods = [Method::RecoveryCodes, Method::WebAuthn, Method::Totp];
        let policy = MethodPolicy::allowing(methods);
        assert_eq!(categories(&policy, &[]), ["totp", "u2f"]);
        let counting = MethodPolicy { email_is_factor: true, ..policy.clone() };
        assert_eq!(categories(&counting, &[]), ["email", "totp", "u2f"]);
        let strict = MethodPolicy { phishing_resistant_only: true, ..counting };
        assert_eq!(categories(&strict, &[]), ["u2f"]);
    }

    #[test]
    fn what_the_product_declares_is_listed_with_its_names() {
        let declared = [
            declared(MethodCategory::CustomHardware, &["Kasa Fob", "Kasa Card"]),
            declared(MethodCategory::Call, &[]),
        ];
        let supported = supported(&MethodPolicy::allowing([Method::Totp]), &declared);
        let [call, totp, hardware] = &supported[..] else { panic!("{supported:?}") };
        assert_eq!((call.category, call.declared), (MethodCategory::Call, true));
        assert_eq!((&totp.methods[..], totp.declared), (&[Method::Totp][..], false));
        assert_eq!((&hardware.names, &hardware.methods[..]), (&declared[0].names, &[][..]));
    }

    #[test]
    fn what_the_policy_decides_is_not_declared() {
        let declarable = MethodCategory::ALL.iter().copied().filter(|one| is_declarable(*one));
        let expected = ["call", "custom-software", "custom-hardware"];
        assert_eq!(declarable.map(MethodCategory::as_str).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_attribution_names_source_and_licence() {
        let product: Title = "Kasa".parse().unwrap();
        assert_eq!(attribution(&product, None), "Kasa, CC BY-SA");
        let entry = DirectoryEntry::new("kasa.example".parse().unwrap());
        assert_eq!(attribution(&product, Some(&entry)), "Kasa, kasa.example, CC BY-SA");
        let entry = DirectoryEntry { attribution: Some("Ann Lee".parse().unwrap()), ..entry };
        assert_eq!(attribution(&product, Some(&entry)), "Ann Lee, kasa.example, CC BY-SA");
    }
}
