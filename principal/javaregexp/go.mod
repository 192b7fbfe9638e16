module github.com/portcullis-authz/portcullis/principal/javaregexp

go 1.26.0

require (
	github.com/dlclark/regexp2 v1.11.5
	github.com/portcullis-authz/portcullis v0.0.0
)

require golang.org/x/text v0.43.0 // indirect

replace github.com/portcullis-authz/portcullis => ../..
