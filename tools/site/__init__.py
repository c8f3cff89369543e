"""Makes the site: pages of docs/, the reference out of the contract and the documents, llms.txt."""
