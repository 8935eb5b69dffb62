//! Audiences, as a manager would write them.

use tidegate_proto::{AttributeTest, Audience, AudienceList, audience::Kind};

pub fn all(audiences: Vec<Audience>) -> Audience {
    Audience { kind: Some(Kind::All(AudienceList { audiences })) }
}

pub fn any(audiences: Vec<Audience>) -> Audience {
    Audience { kind: Some(Kind::Any(AudienceList { audiences })) }
}

pub fn not(audience: Audience) -> Audience {
    Audience { kind: Some(Kind::Not(Box::new(audience))) }
}

pub fn test(test: AttributeTest) -> Audience {
    Audience { kind: Some(Kind::Test(test)) }
}

/// A test for one of these values. With none, it tests whether there is any value.
pub fn has(attribute: &str, any_of: &[&str]) -> Audience {
    let any_of = any_of.iter().map(ToString::to_string).collect();
    test(AttributeTest { attribute: attribute.to_owned(), any_of, ..Default::default() })
}

pub fn labelled(attribute: &str, label: &str, any_of: &[&str]) -> Audience {
    let any_of = any_of.iter().map(ToString::to_string).collect();
    let (attribute, label) = (attribute.to_owned(), label.to_owned());
    test(AttributeTest { attribute, label, any_of, ..Default::default() })
}
