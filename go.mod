module github.com/portcullis-authz/portcullis

go 1.26

require (
	github.com/google/btree v1.1.3
	pgregory.net/rapid v1.3.0
)
