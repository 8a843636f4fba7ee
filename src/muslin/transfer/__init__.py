"""From one domain to another: `run.transfer` pretrains, carries, fine-tunes, and proves that it helped."""
