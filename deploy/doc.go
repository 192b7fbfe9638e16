// Package deploy has the files to run portcullis proxy: an image, a unit of systemd, manifests
// of Kubernetes, a Debian package, a dashboard and alerts. Its tests check them, and what they
// need is why it is a module of its own.
package deploy
