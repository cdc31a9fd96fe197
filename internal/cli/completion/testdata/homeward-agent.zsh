#compdef homeward-agent
# Completion of homeward-agent for zsh. In ~/.zshrc, after compinit:  source <(homeward-agent completion zsh)
_homeward_agent() {
	local line
	local -a found
	for line in "${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT-1]}" ".${words[CURRENT]}" 2>/dev/null)}"; do
		if [[ $line == ":files" ]]; then
			[[ ${words[CURRENT]} != -*=* ]] || compset -P '*='
			_files
			return
		elif [[ -n $line ]]; then
			found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
		fi
	done
	_describe homeward-agent found
}
if [[ $funcstack[1] == "_homeward_agent" ]]; then
	_homeward_agent "$@"
else
	compdef _homeward_agent homeward-agent
fi
