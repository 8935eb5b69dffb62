// Checks what Kubernetes' own schemas do not know: objects of the Prometheus operator and of the Gateway API, against their
// types, and PromQL.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/prometheus/promql/parser"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

// A question is an object or an expression; its name is for the answer.
type question struct {
	Name   string          `json:"name"`
	Object json.RawMessage `json:"object"`
	Expr   string          `json:"expr"`
}

// An answer says what is wrong, or which metrics with which labels the expression reads.
type answer struct {
	Name   string              `json:"name"`
	Error  string              `json:"error,omitempty"`
	Labels map[string][]string `json:"labels,omitempty"`
	// Grouping lists the labels that the expression groups or matches by.
	Grouping []string `json:"grouping,omitempty"`
}

func main() {
	var questions []question
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	answers := []answer{}
	for _, asked := range questions {
		if asked.Expr != "" {
			answers = append(answers, read(asked))
		} else {
			answers = append(answers, decode(asked))
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// decode refuses fields that the type of the object does not have.
func decode(asked question) answer {
	var kind struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := json.Unmarshal(asked.Object, &kind); err != nil {
		return answer{Name: asked.Name, Error: err.Error()}
	}
	types := map[string]any{
		"monitoring.coreos.com/v1 ServiceMonitor": &monitoring.ServiceMonitor{},
		"monitoring.coreos.com/v1 PodMonitor":     &monitoring.PodMonitor{},
		"monitoring.coreos.com/v1 PrometheusRule": &monitoring.PrometheusRule{},
		"gateway.networking.k8s.io/v1 GRPCRoute":  &gateway.GRPCRoute{},
	}
	into, known := types[kind.APIVersion+" "+kind.Kind]
	if !known {
		return answer{Name: asked.Name, Error: "no type of " + kind.APIVersion + " " + kind.Kind + " is known"}
	}
	if err := yaml.UnmarshalStrict(asked.Object, into); err != nil {
		return answer{Name: asked.Name, Error: err.Error()}
	}
	return answer{Name: asked.Name}
}

func read(asked question) answer {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(asked.Expr)
	if err != nil {
		return answer{Name: asked.Name, Error: err.Error()}
	}
	found := answer{Name: asked.Name, Labels: map[string][]string{}}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			labels := found.Labels[node.Name]
			for _, matcher := range node.LabelMatchers {
				if matcher.Name != "__name__" {
					labels = append(labels, matcher.Name)
				}
			}
			found.Labels[node.Name] = labels
		case *parser.AggregateExpr:
			found.Grouping = append(found.Grouping, node.Grouping...)
		case *parser.BinaryExpr:
			if node.VectorMatching != nil {
				found.Grouping = append(found.Grouping, node.VectorMatching.MatchingLabels...)
			}
		}
		return nil
	})
	return found
}
