# Completion of homeward for bash. In ~/.bashrc:  source <(homeward completion bash)
_homeward() {
	local word=${COMP_WORDS[COMP_CWORD]} found line
	COMPREPLY=()
	found=$("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD-1}" ".$word" 2>/dev/null) || return
	[ "$word" != "=" ] || word=
	while IFS= read -r line; do
		if [ "$line" = ":files" ]; then
			compopt -o filenames 2>/dev/null
			while IFS= read -r line; do
				COMPREPLY+=("$line")
			done < <(compgen -f -- "${word#*=}")
		elif [ -n "$line" ]; then
			COMPREPLY+=("${line%%$'\t'*}")
		fi
	done <<<"$found"
}
complete -F _homeward homeward
