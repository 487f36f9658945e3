//! How many calls does AWS take, and how fast? Its documented figures, and those that were raised for an account. Pure.

use std::{collections::BTreeMap, str::FromStr};

use super::actions::Category;

/// A token bucket's size and how fast it fills.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// How many calls may come at once.
    pub burst: u32,
    /// How many are added a second.
    pub per_second: f64,
}

/// AWS's limits of an account in a region.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// A category that is missing has none.
    by_category: BTreeMap<Category, Limit>,
}

/// A limit that AWS raised for an account: `CATEGORY=BURST/PER-SECOND`, for example `register=40/8`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RaisedLimit {
    /// Which.
    pub category: Category,
    /// What it is now.
    pub limit: Limit,
}

/// A limit that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseLimitError {
    /// It has another shape.
    #[error("{0:?} is no limit; write CATEGORY=BURST/PER-SECOND, for example register=40/8")]
    Shape(String),
    /// There is no such category.
    #[error("{0:?} is no category of AWS's limits; they are {known}", known = Category::ALL.map(Category::label).join(", "))]
    Category(String),
}

// === impl Limit ===

impl Limit {
    const fn new(burst: u32, per_second: f64) -> Self {
        Self { burst, per_second }
    }
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self::documented()
    }
}

impl Limits {
    /// As AWS documents them for every account.
    ///
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html> and
    /// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>.
    #[must_use]
    pub fn documented() -> Self {
        let by_category = Category::ALL.map(|category| {
            let limit = match category {
                Category::Account | Category::Describe => Limit::new(40, 10.0),
                Category::Create => Limit::new(10, 0.2),
                Category::Register => Limit::new(20, 4.0),
                Category::Mutate => Limit::new(20, 3.0),
                Category::Ec2Describe => Limit::new(100, 20.0),
                Category::Ec2Mutate | Category::Ec2Rules => Limit::new(50, 5.0),
                Category::Ec2Tags => Limit::new(100, 10.0),
            };
            (category, limit)
        });
        Self {
            by_category: by_category.into(),
        }
    }

    /// None at all.
    #[must_use]
    pub fn unlimited() -> Self {
        Self {
            by_category: BTreeMap::new(),
        }
    }

    /// These, but for one that was raised.
    #[must_use]
    pub fn with(mut self, raised: RaisedLimit) -> Self {
        self.by_category.insert(raised.category, raised.limit);
        self
    }

    /// The limit of a category; `None`: there is none.
    pub(super) fn get(&self, category: Category) -> Option<Limit> {
        self.by_category.get(&category).copied()
    }
}

// === impl RaisedLimit ===

impl FromStr for RaisedLimit {
    type Err = ParseLimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = || {
            let (category, limit) = text.split_once('=')?;
            let (burst, per_second) = limit.split_once('/')?;
            let burst = burst.parse().ok().filter(|burst| *burst > 0)?;
            let per_second: f64 = per_second.parse().ok()?;
            let usable = per_second.is_finite() && per_second > 0.0;
            usable.then_some((category, Limit { burst, per_second }))
        };
        let (category, limit) = parts().ok_or_else(|| ParseLimitError::Shape(text.to_owned()))?;
        let category = Category::from_label(category)
            .ok_or_else(|| ParseLimitError::Category(category.to_owned()))?;
        Ok(Self { category, limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raised_limit_takes_the_place_of_the_documented_one() {
        let raised = "create=20/0.4".parse().unwrap();
        let limits = Limits::documented().with(raised);
        assert_eq!(limits.get(Category::Create), Some(Limit::new(20, 0.4)));
        assert_eq!(limits.get(Category::Register), Some(Limit::new(20, 4.0)));
    }

    #[test]
    fn what_is_no_limit_is_explained() {
        for bad in [
            "",
            "create",
            "create=1",
            "create=0/1",
            "create=1/0",
            "create=1/nan",
            "create=-1/1",
        ] {
            let error = bad.parse::<RaisedLimit>().unwrap_err();
            assert_eq!(error, ParseLimitError::Shape(bad.to_owned()), "{bad:?}");
        }
        let error = "creates=1/1".parse::<RaisedLimit>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"creates\" is no category of AWS's limits; they are account, create, register, describe, mutate, ec2-describe, ec2-mutate, ec2-rules, ec2-tags"
        );
    }
}
