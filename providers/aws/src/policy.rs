//! What must the controller's role in AWS be allowed? The one document, for whoever prints or tests it.
//!
//! `iam-policy.json` is the source: Terraform's module reads the same file. What each statement is for is in the
//! crate's README.

/// The IAM policy of the controller, as JSON: every action that this crate calls, and what AWS itself asks of the
/// caller behind those calls.
///
/// The partition in it is `aws`; in China its ARNs begin with `arn:aws-cn:`, in the
/// clouds for governments with `arn:aws-us-gov:`.
pub const IAM_POLICY: &str = include_str!("../iam-policy.json");

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;
    use crate::{api::Action, tags::CLUSTER};

    /// Never called by us: Elastic Load Balancing asks for them in the caller's name, when a load balancer or a target
    /// group is made. (Its user guide, "API permissions"; `GetSecurityGroupsForVpc` since security groups can be shared.)
    const BEHIND_OUR_CALLS: [&str; 5] = [
        "ec2:DescribeAccountAttributes",
        "ec2:DescribeAddresses",
        "ec2:DescribeInternetGateways",
        "ec2:GetSecurityGroupsForVpc",
        "iam:CreateServiceLinkedRole",
    ];

    fn statements() -> Vec<Value> {
        let policy: Value = serde_json::from_str(IAM_POLICY).unwrap();
        assert_eq!(policy["Version"], "2012-10-17");
        policy["Statement"].as_array().unwrap().clone()
    }

    /// One string, or a list of them.
    fn strings(value: &Value) -> Vec<String> {
        let one = value.as_str().map(str::to_owned);
        let many = value.as_array().into_iter().flatten();
        one.into_iter()
            .chain(many.map(|text| text.as_str().unwrap().to_owned()))
            .collect()
    }

    /// Which statements, by their sid, allow an action.
    fn allowed() -> BTreeMap<String, Vec<String>> {
        let mut allowed = BTreeMap::<String, Vec<String>>::new();
        for statement in statements() {
            let sid = statement["Sid"].as_str().unwrap();
            for action in strings(&statement["Action"]) {
                allowed.entry(action).or_default().push(sid.to_owned());
            }
        }
        allowed
    }

    fn needs_null(statement: &Value, key: &str, absent: &str) -> bool {
        statement["Condition"]["Null"][format!("aws:{key}/{CLUSTER}")] == absent
    }

    #[test]
    fn it_allows_what_is_called_and_nothing_else() {
        let allowed: BTreeSet<String> = allowed().into_keys().collect();
        let called = Action::ALL.iter().copied().map(Action::as_str);
        let needed: BTreeSet<String> = called
            .chain(BEHIND_OUR_CALLS)
            .map(ToOwned::to_owned)
            .collect();
        assert_eq!(allowed, needed);
    }

    #[test]
    fn every_statement_is_told_apart_and_only_allows() {
        let mut sids = BTreeSet::new();
        for statement in statements() {
            let sid = statement["Sid"].as_str().unwrap().to_owned();
            assert!(sid.chars().all(|c| c.is_ascii_alphanumeric()), "{sid}");
            assert_eq!(statement["Effect"], "Allow", "{sid}");
            let resources = strings(&statement["Resource"]);
            assert!(!resources.is_empty(), "{sid} is about nothing");
            for resource in resources {
                assert!(
                    resource == "*" || resource.starts_with("arn:aws:"),
                    "{sid}: {resource}: Terraform replaces the partition \"arn:aws:\""
                );
            }
            let actions = strings(&statement["Action"]);
            assert!(actions.is_sorted(), "{sid}: {actions:?}");
            assert!(
                actions.iter().all(|action| !action.contains('*')),
                "{sid} allows what nobody listed: {actions:?}"
            );
            assert!(sids.insert(sid.clone()), "{sid} is there twice");
        }
    }

    /// A quota of IAM: 6,144 characters in a managed policy, white space not counted.
    #[test]
    fn it_fits_into_one_managed_policy() {
        let characters = IAM_POLICY.chars().filter(|c| !c.is_whitespace()).count();
        assert!(characters < 6144, "{characters}");
    }

    #[test]
    fn what_changes_something_says_whose_it_must_be() {
        // Without a mark of ours, each for a reason that the README gives.
        let exempt = [
            "CheckedByElasticLoadBalancing",
            "CreateSecurityGroupsInVpc",
            "OpenNodes",
            "Read",
            "ServiceLinkedRole",
        ];
        let mut seen = BTreeSet::new();
        for statement in statements() {
            let sid = statement["Sid"].as_str().unwrap().to_owned();
            let marked = needs_null(&statement, "ResourceTag", "false")
                || needs_null(&statement, "RequestTag", "false");
            assert_eq!(!marked, exempt.contains(&&*sid), "{sid}");
            seen.insert(sid);
        }
        for sid in exempt {
            assert!(seen.contains(sid), "there is no statement {sid} any more");
        }
        for (action, sids) in allowed() {
            let (_, name) = action.split_once(':').unwrap();
            let reads = name.starts_with("Describe") || name.starts_with("Get");
            let open = sids.contains(&"Read".to_owned())
                || sids.contains(&"CheckedByElasticLoadBalancing".to_owned());
            assert_eq!(reads, open, "{action} is in {sids:?}");
        }
    }

    #[test]
    fn only_an_object_that_is_nobodys_can_be_adopted() {
        let adopt = statements()
            .into_iter()
            .find(|statement| statement["Sid"] == "Adopt")
            .unwrap();
        assert_eq!(
            strings(&adopt["Action"]),
            ["elasticloadbalancing:AddTags"],
            "once it is tagged the other statements apply"
        );
        assert!(needs_null(&adopt, "ResourceTag", "true"));
        assert!(needs_null(&adopt, "RequestTag", "false"));
    }
}
