//! How does the next test find the lab?

use k8s_openapi::api::core::v1::Service;
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use roadstead::pools::crd::AddressPool;

use crate::{
    bed::{Bed, DEADLINE, FAR, POOL},
    changes::EXCLUDED,
};

// === impl Bed ===

impl Bed {
    /// Everything runs again, and nothing of the last test is left.
    pub(crate) async fn tidy(&mut self) {
        self.lab.heal().unwrap();
        self.lab.api_up();
        for number in std::mem::take(&mut self.dark) {
            self.lab.node(number).power_on(true).unwrap();
        }
        for node in self.lab.nodes() {
            node.link_up().unwrap();
            node.kube_proxy().start().unwrap_or_default();
        }
        self.clear().await;
        while self.lab.nodes().len() > usize::from(FAR) {
            let number = u8::try_from(self.lab.nodes().len()).unwrap();
            drop(self.fleet.take(number));
            self.lab.remove_last_node().await.unwrap();
        }
        if std::mem::take(&mut self.behind) {
            for (number, node) in (1..).zip(self.lab.nodes()) {
                node.kube_proxy().restart().unwrap();
                self.fleet.begin(&self.lab, number).unwrap();
            }
        }
        self.fleet.fill(&self.lab).unwrap();
        self.fleet.ready(&self.lab, DEADLINE).await.unwrap();
        for node in self.lab.nodes() {
            node.kube_proxy().ready().await.unwrap();
        }
    }

    /// Nothing is left in the cluster that a test made.
    async fn clear(&mut self) {
        let client = self.lab.control_plane().client().await.unwrap();
        for place in self.places.drain(..) {
            let services: Api<Service> = Api::namespaced(client.clone(), &place);
            let all = services.list(&ListParams::default()).await.unwrap();
            for service in all {
                let name = service.metadata.name.unwrap();
                services
                    .delete(&name, &DeleteParams::default())
                    .await
                    .unwrap();
            }
        }
        let pools: Api<AddressPool> = Api::all(client);
        for pool in pools.list(&ListParams::default()).await.unwrap() {
            let name = pool.metadata.name.unwrap();
            if name != POOL {
                pools.delete(&name, &DeleteParams::default()).await.unwrap();
            }
        }
        for node in self.lab.nodes() {
            self.label(node.name(), "rack", None).await;
            self.label(node.name(), EXCLUDED, None).await;
        }
    }
}
