// Says of each pod template on standard input, one JSON object with `metadata` and `spec` in a line, what the pod security
// standard `restricted` forbids in it: one line of output for each line of input, empty if nothing.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

func main() {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		log.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var template corev1.PodTemplateSpec
		if err := json.Unmarshal(lines.Bytes(), &template); err != nil {
			log.Fatal(err)
		}
		found := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec))
		fmt.Println(found.ForbiddenDetail())
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}
