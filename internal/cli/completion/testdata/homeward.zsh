#compdef homeward
# Completion of homeward for zsh. In ~/.zshrc, after compinit:  source <(homeward completion zsh)
_homeward() {
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
	_describe homeward found
}
if [[ $funcstack[1] == "_homeward" ]]; then
	_homeward "$@"
else
	compdef _homeward homeward
fi
