package clienttest

import "os/exec"

// kcatLogin are the arguments by which kcat logs in.
var kcatLogin = []string{"kcat", "-b", "{B}", "-X", "security.protocol=SASL_PLAINTEXT", "-X", "sasl.mechanism=PLAIN", "-X", "sasl.username={U}", "-X", "sasl.password={U}-secret"}

func kcat(args ...string) []string {
	return append(append([]string{"timeout", "25"}, kcatLogin...), args...)
}

// otherRows are clients that are not Java, where they are installed.
func otherRows() []row {
	var rows []row
	if _, err := exec.LookPath("kcat"); err == nil {
		rows = append(rows, kcatRows...)
	}
	if exec.Command(python, "-c", "import confluent_kafka").Run() == nil {
		rows = append(rows, pythonRows...)
	}
	return rows
}

// python is that whose modules have confluent-kafka, by PYTHONPATH or otherwise.
const python = "python3"

// pythonRows are confluent-kafka for Python.
var pythonRows = []row{
	{
		name: "confluent-kafka producer", program: []string{python, "confluent.py", "{B}", "{U}", "produce", "py-$", ""}, topics: []string{"py-$=0"},
		rights: []string{"Write on Topic py-$"}, want: "delivered None",
	},
	{
		name: "confluent-kafka consumer", program: []string{python, "confluent.py", "{B}", "{U}", "consume", "in", "g-$"},
		rights: []string{readIn, "Read on Group g-$"}, want: "read b'v0'\ncommitted [None]",
	},
	{
		name: "confluent-kafka transaction", program: []string{python, "confluent.py", "{B}", "{U}", "transact", "py-$", "tx-$"}, topics: []string{"py-$=0"},
		rights: []string{"Write on Topic py-$", "Write on TransactionalId tx-$"}, want: "the transaction is committed",
	},
}

var kcatRows = []row{
	{
		name: "kcat -P", program: kcat("-P", "-t", "k-$", "-p", "0"), stdin: "one\n", topics: []string{"k-$=0"},
		rights: []string{"Write on Topic k-$"}, want: "exit status 0",
	},
	{
		name: "kcat -C", program: kcat("-C", "-t", "in", "-p", "0", "-o", "beginning", "-e", "-q"),
		rights: []string{readIn}, want: "v4",
	},
	{
		name: "kcat -G", program: kcat("-G", "g-$", "-X", "auto.offset.reset=earliest", "-c", "5", "-q", "in"),
		rights: []string{readIn, "Read on Group g-$"}, want: "v4",
	},
	{
		name: "kcat in a transaction", program: kcat("-P", "-t", "k-$", "-p", "0", "-X", "transactional.id=tx-$"), stdin: "one\n", topics: []string{"k-$=0"},
		rights: []string{"Write on Topic k-$", "Write on TransactionalId tx-$"}, want: "exit status 0",
	},
	{
		name: "kcat -L", program: kcat("-L", "-t", "in"),
		rights: []string{"Describe on Topic in"}, want: "partition 0",
	},
}
