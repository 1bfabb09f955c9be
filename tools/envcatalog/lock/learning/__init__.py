"""What is learnt of locked files beside their bytes: installed size and licence, for `Lock.known`."""
