"""The use cases, in the words of the mission: validate, lock, plan, build, publish, list, show, log, diff."""
