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
// # What it needs
//
// A JDK of version 17 or newer, Maven, and the environment variable
// PORTCULLIS_REQUIRE_KAFKA=1. Without the variable a test is skipped: it would fetch jars
// and take minutes. With it, a test fails and says what is missing.
//
// Maven fetches the jars of a version once, into the folder portcullis-kafka of the
// user's cache folder. Tests that run at the same time may share it.
//
// # What it leaves behind
//
// Nothing. Brokers listen on free ports of 127.0.0.1 and keep their data in a temporary
// folder. They end with the test that started them. A watchdog process ends them, and
// removes the folder, if the test binary dies: by a panic, by a time-out, or by SIGKILL.
package kafkatest
