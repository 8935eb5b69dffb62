"""What the chart and its README use and the program does not know yet, beside the settings of pending.toml. Each is asked for,
and the test fails when the program knows it: remove it here then."""

# Commands, and flags of commands.
COMMANDS = [
    ["key", "new"],
    ["credential", "new"],
]
FLAGS = []
# Whether `init` takes a credential from a file that exists, in place of refusing it.
INIT_TAKES_A_CREDENTIAL = False
