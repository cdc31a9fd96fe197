# Completion of homeward-agent for fish:  homeward-agent completion fish > ~/.config/fish/completions/homeward-agent.fish
function __homeward_agent
	set -l words (commandline -opc)
	set -l word (commandline -ct)
	for line in ($words[1] __complete $words[2..-1] ".$word" 2>/dev/null)
		if test "$line" = ":files"
			__fish_complete_path (string replace -r '^--[^=]*=' '' -- $word)
		else
			echo $line
		end
	end
end
complete -c homeward-agent -f -a '(__homeward_agent)'
