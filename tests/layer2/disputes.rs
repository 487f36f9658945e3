//! What becomes of an address that a foreign host uses?

use roadstead_testbed::{addresses, lab::vip4, poll_until};

use crate::bed::{DEADLINE, bed, web};

#[tokio::test]
async fn an_address_that_a_foreign_host_uses_is_not_claimed_and_the_user_is_told() {
    let mut bed = bed().await;
    let wanted = vip4(60);
    let stranger = bed.lab.foreign_host(wanted.into()).unwrap();
    let fixed = web("fixed").annotation("roadstead.dev/load-balancer-ips", &wanted.to_string());
    let served = bed.serve(fixed, &[2]).await;
    let message = bed.until_said(&served, "AddressConflict").await;
    assert!(message.contains(&wanted.to_string()), "{message}");
    assert!(message.contains(&stranger.mac().to_string()), "{message}");
    let answers = bed.lab.arp_answers(wanted.into(), 10).await.unwrap();
    assert_eq!(answers.only(), Some(stranger.mac()), "{answers:?}");

    // The user asked for just this one: it is there as soon as the stranger is gone.
    drop(stranger);
    bed.lab.client().forget_neighbour(wanted.into()).unwrap();
    bed.settled(wanted.into()).await;
    bed.until_said(&served, "Announced").await;
}

#[tokio::test]
async fn a_service_whose_address_a_foreign_host_begins_to_use_is_given_another() {
    let mut bed = bed().await;
    let served = bed.serve(web("free"), &[2]).await;
    let vip = served.vips[0];
    bed.settled(vip).await;
    let stranger = bed.lab.foreign_host(vip).unwrap();
    // It is heard as soon as it speaks.
    stranger.speak_to(bed.lab.node(1).v4().into()).unwrap();
    let moved = poll_until("another address", DEADLINE, async || {
        let service = bed
            .until(&served.place, &served.name, "an address", |service| {
                !addresses(service).is_empty()
            })
            .await;
        addresses(&service)
            .first()
            .and_then(|now| now.parse().ok())
            .filter(|now| *now != vip)
    });
    let now = moved
        .await
        .unwrap_or_else(|error| panic!("{error:#}\n{}", bed.logs()));
    bed.settled(now).await;
}
