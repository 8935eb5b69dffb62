//! A newer challenge, enrollment or link supersedes the older ones.

use tidegate_core::{
    Challenge, ChallengeState, Email, Enrollment, EnrollmentState, Link, LinkTarget, Method, Purpose, Sealed,
    Span, TokenDigest, Within,
};
use tidegate_store::{Error, challenges, enrollments, links};

use crate::{
    database::{Database, NOW, id, realm},
    on_both,
};

on_both!(the_oldest_challenges, challenges_without_a_factor, enrollments_of_one_device, links_for_one_target,);

fn challenge(number: u128, method: Method) -> Challenge {
    Challenge {
        id: id(number),
        account: id(2),
        within: Within::SignIn(id(3)),
        factor: None,
        method,
        purpose: Purpose::SignIn,
        state: ChallengeState::Open,
        tries: 0,
        max_tries: 3,
        material: Some(Sealed(vec![7])),
        created_at: NOW.plus(Span::seconds(i64::try_from(number).unwrap())),
        expires_at: NOW.plus(Span::hours(1)),
    }
}

async fn the_oldest_challenges(database: &Database) {
    let store = database.store().await;
    let work = async |tx: &mut tidegate_store::Tx| {
        for number in 1..=5 {
            challenges::insert(tx, &challenge(number, Method::Totp)).await?;
        }
        challenges::insert(tx, &challenge(0, Method::EmailCode)).await?;
        let of_apps = (id(2), Method::Totp);
        assert_eq!(challenges::supersede_oldest(tx, of_apps, 2, NOW).await?, 3);
        assert_eq!(challenges::supersede_oldest(tx, of_apps, 2, NOW).await?, 0);
        let left = challenges::live(tx, id(2), NOW).await?;
        let mut left: Vec<_> = left.iter().map(|challenge| challenge.id).collect();
        left.sort_by_key(|id| id.uuid());
        assert_eq!(left, [id(0), id(4), id(5)]);
        Ok::<(), Error>(())
    };
    store.tx("test", realm(), work).await.unwrap();
}

async fn challenges_without_a_factor(database: &Database) {
    let store = database.store().await;
    let work = async |tx: &mut tidegate_store::Tx| {
        let codes = challenge(1, Method::RecoveryCodes);
        let app = Challenge { factor: Some(id(9)), ..challenge(2, Method::Totp) };
        for new in [&codes, &app, &challenge(3, Method::Totp)] {
            challenges::insert(tx, new).await?;
        }
        assert_eq!(challenges::find(tx, id(1)).await?, Some(codes));
        assert_eq!(challenges::supersede(tx, &challenge(4, Method::Totp)).await?, 1);
        assert_eq!(challenges::find(tx, id(3)).await?.unwrap().state, ChallengeState::Superseded);
        assert_eq!(challenges::supersede(tx, &app).await?, 1);
        Ok::<(), Error>(())
    };
    store.tx("test", realm(), work).await.unwrap();
}

async fn enrollments_of_one_device(database: &Database) {
    let store = database.store().await;
    let new = |number, device: Option<&str>, state| Enrollment {
        id: id(number),
        account: id(2),
        product: "one".parse().unwrap(),
        device: device.map(|device| device.parse().unwrap()),
        rollout: None,
        method: Method::Totp,
        state,
        factor: id(9),
        proved_by: Some(id(8)),
        material: Some(Sealed(vec![7])),
        label: Some("My phone".parse().unwrap()),
        tries: 0,
        created_at: NOW,
        expires_at: NOW.plus(Span::hours(1)),
    };
    let work = async |tx: &mut tidegate_store::Tx| {
        let first = new(1, None, EnrollmentState::AwaitingConfirmation);
        enrollments::insert(tx, &first).await?;
        assert_eq!(enrollments::find(tx, id(1)).await?, Some(first));
        enrollments::insert(tx, &new(2, None, EnrollmentState::Active)).await?;
        enrollments::insert(tx, &new(3, Some("device-of-ann-1"), EnrollmentState::AwaitingProof)).await?;
        let product = "one".parse().unwrap();
        let device = Some("device-of-ann-1".parse().unwrap());
        assert_eq!(enrollments::supersede(tx, id(2), &product, None, Method::Totp, NOW).await?, [id(1)]);
        assert_eq!(enrollments::supersede(tx, id(2), &product, None, Method::Totp, NOW).await?, []);
        assert_eq!(enrollments::supersede(tx, id(2), &product, device, Method::Totp, NOW).await?, [id(3)]);
        let kept = enrollments::find(tx, id(1)).await?.unwrap();
        assert_eq!((kept.state, kept.material), (EnrollmentState::Superseded, None));
        Ok::<(), Error>(())
    };
    store.tx("test", realm(), work).await.unwrap();
}

async fn links_for_one_target(database: &Database) {
    let store = database.store().await;
    let link = |target| Link {
        account: id(2),
        target,
        email: Email::parse("ann@one.example").unwrap().canonical().clone(),
        expires_at: NOW.plus(Span::hours(1)),
        used_at: None,
        superseded_at: None,
    };
    let enrollment = LinkTarget::Enrollment(id(5));
    let work = async |tx: &mut tidegate_store::Tx| {
        links::insert(tx, TokenDigest([1; 32]), &link(LinkTarget::Email), NOW).await?;
        links::insert(tx, TokenDigest([2; 32]), &link(enrollment), NOW).await?;
        assert_eq!(links::supersede(tx, id(2), enrollment, NOW).await?, 1);
        assert_eq!(links::supersede(tx, id(2), LinkTarget::Enrollment(id(6)), NOW).await?, 0);
        assert_eq!(links::find(tx, TokenDigest([2; 32])).await?.unwrap().superseded_at, Some(NOW));
        assert!(!links::redeem(tx, TokenDigest([2; 32]), NOW).await?);
        assert!(links::redeem(tx, TokenDigest([1; 32]), NOW).await?);
        Ok::<(), Error>(())
    };
    store.tx("test", realm(), work).await.unwrap();
}
