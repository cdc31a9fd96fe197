package config

import (
	"os"
	"path/filepath"
	"runtime"
)

// AgentFile is where an agent's configuration is looked for.
func AgentFile() string { return agentFile(runtime.GOOS, os.Getenv) }

// AgentState is where an agent keeps keys and journal when nothing else is said.
func AgentState() string { return agentState(runtime.GOOS, os.Getenv) }

func agentFile(system string, getenv func(string) string) string {
	if system == "windows" {
		return programData(getenv) + `\Homeward\agent.yaml`
	}
	return "/etc/homeward/agent.yaml"
}

func agentState(system string, getenv func(string) string) string {
	if system == "windows" {
		return programData(getenv) + `\Homeward\state`
	}
	return "/var/lib/homeward-agent"
}

func programData(getenv func(string) string) string {
	if dir := getenv("ProgramData"); dir != "" {
		return filepath.Clean(dir)
	}
	return `C:\ProgramData`
}
