module github.com/portcullis-authz/portcullis

go 1.26
