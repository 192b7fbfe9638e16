module github.com/portcullis-authz/portcullis/aclfile/watch

go 1.26.0

require (
	github.com/fsnotify/fsnotify v1.10.1
	github.com/portcullis-authz/portcullis v0.1.0
)

require (
	github.com/google/btree v1.1.3 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)
