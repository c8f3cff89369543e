"""The pages that an edge shows, all their files beside this one."""
