# Every rule of the linter's own set. Rules that know AWS are a plugin of their own, which the project cannot build.
plugin "terraform" {
  enabled = true
  preset  = "all"
}
