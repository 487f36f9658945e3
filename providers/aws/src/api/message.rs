//! What can be read out of AWS's sentences, and how are they kept fit for a condition? Pure.

use std::net::IpAddr;

/// The longest sentence of AWS's that is repeated: a condition is read by a human, and AWS may name 200 targets.
const LONGEST: usize = 512;

/// EC2 appends kilobytes that only `sts:DecodeAuthorizationMessage` reads.
const ENCODED: &str = "Encoded authorization failure message";

/// What AWS said, on one line and without what nobody can read.
pub(super) fn readable(said: &str) -> String {
    let said = said.split(ENCODED).next().unwrap_or_default();
    let words: Vec<&str> = said.split_whitespace().collect();
    words.join(" ").trim_end_matches(['.', ' ']).to_owned()
}

/// The beginning of a sentence that is too long.
pub(super) fn cut(message: &str) -> String {
    match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
        None => message.to_owned(),
    }
}

/// The permission that AWS says is missing: not always the call's own, a created load balancer is tagged, too.
pub(super) fn missing_action(message: &str) -> Option<&str> {
    let (_, after) = message.split_once("not authorized to perform: ")?;
    let action = after.split([' ', ',']).next()?;
    action.contains(':').then_some(action)
}

/// The instances and addresses in a sentence about targets, each once.
pub(super) fn targets(message: &str) -> Vec<String> {
    let mut found = Vec::new();
    // A word with a slash is a CIDR, one with another beginning a VPC.
    let words = message.split(|c: char| !c.is_ascii_alphanumeric() && !"-.:/".contains(c));
    for word in words {
        let word = word.trim_end_matches(['.', ':']);
        if (is_instance(word) || word.parse::<IpAddr>().is_ok())
            && !found.iter().any(|known| known == word)
        {
            found.push(word.to_owned());
        }
    }
    found
}

fn is_instance(word: &str) -> bool {
    word.strip_prefix("i-")
        .is_some_and(|id| id.len() >= 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_of_a_refusal_are_found_by_id_and_by_address() {
        for (said, expected) in [
            (
                "The following targets are not in a running state and cannot be registered: 'i-0123456789abcdef0', 'i-0fedcba9876543210'",
                &["i-0123456789abcdef0", "i-0fedcba9876543210"][..],
            ),
            (
                "The following targets are not in the target group VPC 'vpc-0123456789abcdef0': i-01234567.",
                &["i-01234567"],
            ),
            (
                "The IP addresses '10.1.2.3', 'fd00::17' are not within the CIDR 10.0.0.0/16",
                &["10.1.2.3", "fd00::17"],
            ),
            (
                "Instance ID 'i-0123456789abcdef0' is not valid: i-0123456789abcdef0",
                &["i-0123456789abcdef0"],
            ),
            ("One or more targets are invalid", &[]),
        ] {
            assert_eq!(targets(said), expected, "{said}");
        }
    }

    #[test]
    fn what_only_aws_can_read_does_not_flood_a_condition() {
        let said = format!(
            "You are not authorized to perform this operation.\n User: arn:aws:sts::1:role/x is not authorized to perform: ec2:CreateTags on resource: y. Encoded authorization failure message: {}",
            "x".repeat(4000)
        );
        assert_eq!(
            readable(&said),
            "You are not authorized to perform this operation. User: arn:aws:sts::1:role/x is not authorized to perform: ec2:CreateTags on resource: y"
        );
        let long = "ä".repeat(LONGEST + 1);
        assert_eq!(cut(&long).chars().count(), LONGEST + 1);
        assert_eq!(cut("short"), "short");
    }

    #[test]
    fn the_missing_permission_is_read_from_the_refusal() {
        assert_eq!(
            missing_action(
                "User: a is not authorized to perform: elasticloadbalancing:AddTags on resource: b"
            ),
            Some("elasticloadbalancing:AddTags")
        );
        assert_eq!(
            missing_action("You are not authorized to perform this operation"),
            None
        );
    }
}
