//! New passwords: which rules of the realm an account's password follows.

use tidegate_proto as proto;

use crate::{actor::Actor, test_server::TestServer};

/// The codes of what is wrong with a password, or none if the account is made with it.
async fn flaws(server: &TestServer, name: &str, password: &str) -> Vec<String> {
    let request = proto::CreateAccountRequest {
        external_id: name.into(),
        password: password.into(),
        ..Default::default()
    };
    match server.operator().call(request).await {
        Ok(_) => Vec::new(),
        Err(refused) => {
            assert_eq!(refused.name(), "PASSWORD_NOT_ACCEPTABLE");
            refused.violations.into_iter().map(|wrong| wrong.code).collect()
        }
    }
}

async fn set_minimum(operator: &Actor, product: &str, characters: u32) {
    let found = operator.ok(proto::GetProductRequest { product: product.into() }).await.product.unwrap();
    let settings = proto::ProductSettings { min_password_length: characters, ..Default::default() };
    let paths = vec!["settings.min_password_length".to_owned()];
    let changed = operator
        .ok(proto::UpdateProductRequest {
            product: product.into(),
            etag: found.etag,
            settings: Some(settings),
            update_mask: Some(prost_types::FieldMask { paths }),
            ..Default::default()
        })
        .await;
    assert_eq!(changed.product.unwrap().settings.unwrap().min_password_length, characters);
}

on_both! {
    async fn the_strictest_product_decides_how_long_a_new_password_must_be(server) {
        let operator = server.operator();
        let (short, medium, long) = ("xk9#mq2v", "xk9#mq2v-t7wob4", "xk9#mq2v-t7wob4-lantern orchid");
        assert_eq!(flaws(&server, "ann", short).await, ["TOO_SHORT", "WEAK"], "15 without a product");
        operator.product("kasa").await;
        set_minimum(&operator, "kasa", 8).await;
        assert_eq!(flaws(&server, "ann", short).await, [""; 0]);
        operator.product("tapo").await;
        assert_eq!(flaws(&server, "bob", short).await, ["TOO_SHORT", "WEAK"], "the default of tapo");
        assert_eq!(flaws(&server, "bob", medium).await, [""; 0]);
        set_minimum(&operator, "kasa", 30).await;
        assert_eq!(flaws(&server, "cat", medium).await, ["TOO_SHORT"]);
        assert_eq!(flaws(&server, "cat", long).await, [""; 0]);
    }

    async fn titles_of_the_realm_and_its_products_are_own_words(server) {
        server.operator().product("kasa").await;
        for (name, password) in [("ann", "kasa-2026-kasa!"), ("zephyrus-1987", "zephyrus-1987-1987")] {
            let flaws = flaws(&server, name, password).await;
            assert!(flaws.contains(&"OWN_WORDS".to_owned()), "{password}: {flaws:?}");
        }
    }
}
