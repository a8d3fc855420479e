"""The subcommands of ``course``: what each is called, not how it is done."""
