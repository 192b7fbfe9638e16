// Package kafkatest runs real Apache Kafka brokers for tests.
//
//	cluster := kafkatest.Start(t, kafkatest.Config{
//		Version:   "4.4.0",
//		Listeners: []kafkatest.Listener{{Name: "CLIENT", Users: map[string]string{"alice": "secret"}}},
//	})
//	cluster.CreateTopics(t, kafkatest.Topic{Name: "orders", Partitions: 2})
//	cluster.SetACLs(t, bindings...)
//	connect(cluster.Bootstrap("CLIENT"))
//
// # Requirements
//
// A JDK of version 17 or newer, Maven, and the environment variable
// PORTCULLIS_REQUIRE_KAFKA=1. Without the variable a test is skipped, because it would
// download jars and take minutes. With it, a test fails and says what is missing.
//
// Maven downloads the jars of a version once, into the folder portcullis-kafka of the
// user's cache folder. Concurrent tests may share it.
//
// # Clean-up
//
// Brokers listen on free ports of 127.0.0.1 and keep their data in a temporary folder.
// They are stopped at the end of the test that started them. If the test binary dies,
// by a panic, a time-out or SIGKILL, a watchdog process stops them and removes the
// folder.
package kafkatest
