"""What proves a calculator right: for the tests of this package, for ``equical check``, and for those of others."""
