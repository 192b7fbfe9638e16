package iam

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
)

// row is a binding in the output. A binding to a whole cluster has the resource type Cluster,
// and no name, as in Confluent's command line.
type row struct {
	Principal    string `json:"principal" yaml:"principal"`
	Role         string `json:"role" yaml:"role"`
	ResourceType string `json:"resource_type" yaml:"resource_type"`
	Name         string `json:"name" yaml:"name"`
	PatternType  string `json:"pattern_type" yaml:"pattern_type"`
}

func rowOf(b role.Binding) row {
	r := row{Principal: b.Principal.String(), Role: b.Role, ResourceType: resource.Cluster.DisplayName()}
	if b.Pattern != (role.Pattern{}) {
		r.ResourceType, r.Name, r.PatternType = b.Pattern.ResourceType, b.Pattern.Name, b.Pattern.PatternType.String()
	}
	return r
}

// addFormat adds --output with the formats of Confluent's command line.
func addFormat(cmd *cobra.Command) { cli.AddFormats(cmd, "human", "json", "yaml") }

func printBindings(out *cli.Output, bindings ...role.Binding) error {
	rows := []row{}
	for _, b := range bindings {
		rows = append(rows, rowOf(b))
	}
	return printRows(out, "Principal\t| Role\t| Resource Type\t| Name\t| Pattern Type", rows)
}

func (r row) cells() []string {
	return []string{r.Principal, r.Role, r.ResourceType, r.Name, r.PatternType}
}

// printRows prints rows in the format of --output. The header is that of a table.
func printRows[R interface{ cells() []string }](out *cli.Output, header string, rows []R) error {
	switch out.Format {
	case "json":
		out.Encode(rows)
		return nil
	case "yaml":
		text, err := yamlOf(rows)
		if err != nil {
			return err
		}
		out.Write(text)
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, header)
	for _, r := range rows {
		cells := r.cells()
		for i := range cells {
			if cells[i] != "" {
				cells[i] = lines.PrintableIn(cells[i], "|")
			}
		}
		fmt.Fprintln(w, strings.Join(cells, "\t| "))
	}
	return w.Flush()
}

// yamlOf returns rows as YAML. A text that is not printable is quoted, with escapes that Go and YAML
// have in common: the library leaves some such characters as they are, and once they are escaped in a
// text without quotes it would be another name.
func yamlOf(rows any) ([]byte, error) {
	var list yaml.Node
	if err := list.Encode(rows); err != nil {
		return nil, err
	}
	if len(list.Content) == 0 {
		return yaml.Marshal(rows)
	}
	var text bytes.Buffer
	for _, row := range list.Content {
		for i := 0; i < len(row.Content); i += 2 {
			value, err := yaml.Marshal(row.Content[i+1])
			if err != nil {
				return nil, err
			}
			if name := row.Content[i+1].Value; !lines.IsPrintable(name) {
				value = append(strconv.AppendQuote(nil, name), '\n')
			}
			fmt.Fprintf(&text, "%s%s: %s", []string{"- ", "  "}[min(i, 1)], row.Content[i].Value, value)
		}
	}
	return text.Bytes(), nil
}

// scopeText returns a scope as a person reads it.
func scopeText(s role.Scope) string {
	if s.Name != "" {
		return s.Name
	}
	var parts []string
	for _, part := range []struct{ name, id string }{{"Kafka", s.Kafka}, {"Connect", s.Connect}, {"Schema Registry", s.SchemaRegistry}, {"ksqlDB", s.KSQL}, {"CMF", s.CMF}, {"Flink", s.FlinkEnvironment}} {
		if part.id != "" {
			parts = append(parts, part.name+" "+part.id)
		}
	}
	return strings.Join(parts, ", ")
}
