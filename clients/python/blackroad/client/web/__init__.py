"""The door for browsers, spoken by the SDK: where only `https://` gets through."""
