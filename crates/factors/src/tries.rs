//! How many wrong answers one challenge or enrollment takes.

use tidegate_core::Answered;

/// The outcome of a wrong answer. `tries` includes the try that it took.
pub const fn wrong(tries: i64, max_tries: i64) -> Answered {
    match max_tries - tries {
        left if left > 0 => Answered::WrongAnswer { tries_left: left },
        _ => Answered::UsedUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_wrong_answer_of_five_is_the_last() {
        assert_eq!(wrong(1, 5), Answered::WrongAnswer { tries_left: 4 });
        assert_eq!(wrong(4, 5), Answered::WrongAnswer { tries_left: 1 });
        assert_eq!(wrong(5, 5), Answered::UsedUp);
    }
}
