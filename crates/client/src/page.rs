//! Walks any list to its end, page by page.

use tidegate_proto as proto;
use tonic::Response;

/// The request of a List method.
pub trait ListRequest: Clone {
    /// The method's response.
    type Page: Page;
    /// Makes this a request for the page that the token names.
    fn turn_to(&mut self, page_token: String);
}

/// The response of a List method.
pub trait Page {
    /// What is listed.
    type Item;
    /// The items, and the token of the next page, which is empty at the end and only there.
    fn split(self) -> (Vec<Self::Item>, String);
}

/// A walk over a list; see [`pages`].
#[derive(Debug)]
pub struct Pages<Q, F> {
    next: Option<Q>,
    call: F,
}

/// Walks a list from the page that `first` asks for, calling the method for each page:
///
/// ```no_run
/// # use tidegate_client::{Client, Refused, pages};
/// # use tidegate_proto::{Account, ListAccountsRequest};
/// # async fn example(client: Client) -> Result<Vec<Account>, Refused> {
/// let first = ListAccountsRequest { page_size: 1_000, ..Default::default() };
/// let list = async move |request: ListAccountsRequest| {
///     client.retrying(async move |client| client.accounts().list_accounts(request.clone()).await).await
/// };
/// pages(first, list).collect().await
/// # }
/// # fn spawned(client: Client) { drop(async { tokio::spawn(example(client)).await }); }
/// ```
pub const fn pages<Q, E, F>(first: Q, call: F) -> Pages<Q, F>
where
    Q: ListRequest,
    F: AsyncFnMut(Q) -> Result<Response<Q::Page>, E>,
{
    Pages { next: Some(first), call }
}

impl<Q: ListRequest, F> Pages<Q, F> {
    /// The items of the next page, perhaps none; `None` after the last page.
    ///
    /// # Errors
    /// The error of the call. The walk stays where it is, and can be continued.
    pub async fn next<E>(&mut self) -> Result<Option<Vec<<Q::Page as Page>::Item>>, E>
    where
        F: AsyncFnMut(Q) -> Result<Response<Q::Page>, E>,
    {
        let Some(request) = &mut self.next else { return Ok(None) };
        let (items, token) = (self.call)(request.clone()).await?.into_inner().split();
        if token.is_empty() {
            self.next = None;
        } else {
            request.turn_to(token);
        }
        Ok(Some(items))
    }

    /// All items, in order, in memory at once.
    ///
    /// # Errors
    /// The error of the call. The items read so far are lost.
    pub async fn collect<E>(mut self) -> Result<Vec<<Q::Page as Page>::Item>, E>
    where
        F: AsyncFnMut(Q) -> Result<Response<Q::Page>, E>,
    {
        let mut all = Vec::new();
        while let Some(items) = self.next().await? {
            all.extend(items);
        }
        Ok(all)
    }
}

macro_rules! lists {
    ($($request:ident, $response:ident: $items:ident of $item:ident;)+) => {
        $(
            impl ListRequest for proto::$request {
                type Page = proto::$response;
                fn turn_to(&mut self, page_token: String) {
                    self.page_token = page_token;
                }
            }
            impl Page for proto::$response {
                type Item = proto::$item;
                fn split(self) -> (Vec<Self::Item>, String) {
                    (self.$items, self.next_page_token)
                }
            }
        )+

        #[cfg(test)]
        const LISTS: &[&str] = &[$(stringify!($request)),+];
    };
}

lists! {
    ListAccountsRequest, ListAccountsResponse: accounts of Account;
    ListActivityRequest, ListActivityResponse: activities of Activity;
    ListCredentialsRequest, ListCredentialsResponse: credentials of Credential;
    ListCustomersRequest, ListCustomersResponse: customers of Customer;
    ListDeliveriesRequest, ListDeliveriesResponse: deliveries of Delivery;
    ListEventsRequest, ListEventsResponse: events of Event;
    ListExemptionsRequest, ListExemptionsResponse: exemptions of Exemption;
    ListInterestRequest, ListInterestResponse: interests of Interest;
    ListProductsRequest, ListProductsResponse: products of Product;
    ListReachedRequest, ListReachedResponse: accounts of ReachedAccount;
    ListRealmsRequest, ListRealmsResponse: realms of Realm;
    ListRevisionsRequest, ListRevisionsResponse: revisions of RolloutRevision;
    ListRolloutsRequest, ListRolloutsResponse: rollouts of Rollout;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;
    use prost_types::FileDescriptorSet;
    use tonic::Status;

    use super::*;

    fn page(ids: &[&str], next: &str) -> proto::ListAccountsResponse {
        let account = |id: &&str| proto::Account { id: (*id).to_owned(), ..Default::default() };
        proto::ListAccountsResponse {
            accounts: ids.iter().map(account).collect(),
            next_page_token: next.to_owned(),
        }
    }

    fn answer(request: &proto::ListAccountsRequest) -> Result<Response<proto::ListAccountsResponse>, Status> {
        assert_eq!(request.page_size, 2);
        Ok(Response::new(match request.page_token.as_str() {
            "" => page(&["a", "b"], "two"),
            "two" => page(&[], "three"),
            "three" => page(&["c"], ""),
            other => return Err(Status::invalid_argument(other)),
        }))
    }

    #[tokio::test]
    async fn an_empty_page_is_not_the_end_and_an_empty_token_is() {
        let first = proto::ListAccountsRequest { page_size: 2, ..Default::default() };
        let all = pages(first, async |request| answer(&request)).collect().await.unwrap();
        assert_eq!(all.iter().map(|account| account.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn a_walk_goes_on_where_it_was_refused() {
        let first = proto::ListAccountsRequest { page_size: 2, ..Default::default() };
        let mut calls = 0;
        let mut walk = pages(first, async |request| {
            calls += 1;
            if calls == 2 { Err(Status::unavailable("gone")) } else { answer(&request) }
        });
        assert_eq!(walk.next().await.unwrap().map(|items| items.len()), Some(2));
        assert!(walk.next().await.is_err());
        assert_eq!(walk.next().await.unwrap().map(|items| items.len()), Some(0));
        assert_eq!(walk.next().await.unwrap().map(|items| items.len()), Some(1));
        assert_eq!(walk.next().await.unwrap(), None);
    }

    #[test]
    fn every_paged_method_can_be_walked() {
        let files = FileDescriptorSet::decode(tidegate_proto::DESCRIPTOR_SET).unwrap().file;
        let messages = files.iter().flat_map(|file| &file.message_type);
        let paged = messages.filter(|message| message.field.iter().any(|field| field.name() == "page_token"));
        let wanted: BTreeSet<_> = paged.map(prost_types::DescriptorProto::name).collect();
        assert_eq!(wanted, LISTS.iter().copied().collect());
    }
}
