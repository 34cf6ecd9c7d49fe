# Makes bundled.json of LiteLLM's list:
#   pip download litellm==1.109.1 --no-deps
#   unzip -p litellm-*.whl litellm/model_prices_and_context_window_backup.json \
#     | jq -r --arg date 2026-11-23 --arg source "litellm 1.109.1 (PyPI)" -f bundled.jq > bundled.json
# The package itself is neither installed nor run. PriceTable::bundled_date and its test want the same date.

# Providers that sell models of their own, and what LiteLLM puts before their names.
{ openai: "", anthropic: "", gemini: "gemini/", mistral: "mistral/", deepseek: "deepseek/", xai: "xai/", meta: "meta/",
  cohere: "cohere/", cohere_chat: "", moonshot: "moonshot/", zai: "zai/", minimax: "minimax/", dashscope: "dashscope/",
  voyage: "voyage/" } as $providers

# Their names for models of others, previews and special editions, kinds of tokens that have no column here, and an old
# row whose price is wrong by three digits.
| ("^ft:|audio|voxtral|-search|deep-research|robotics|omni|learnlm|gemma|lyria|computer-use|customtools|cyber|daybreak|"
  + "rosalind|-law$|-beta|experimental|-exp\\b|-gv2|nightly|leanstral|vibe-cli|^embed-|^c4ai|zai-glm|/glm-5-2$|"
  + "deepseek-v4-1|dashscope/(deepseek|glm|kimi)|^voyage/voyage-([23](-|$)|code-2|finance|large|law|lite|multilingual)|"
  + "multi-agent|-0309|reasoning-latest|"
  + "mistral-code|ministral-3-|mistral-(tiny|embed-)|embed-2505|002-v2|voyage-(multimodal|context)|glm-4(-|.5[-v])|"
  + "qwen3-(vl|next)|MiniMax-M2$|-lightning")
  as $left_out

| def bare($prefix): ltrimstr($prefix);
  def undated: sub("[-@](20[0-9]{2}-?[01][0-9]-?[0-3][0-9])$"; "");
  def columns: .litellm_provider as $of | with_entries(select(.key | test(
    "^(input_cost_per_token|output_cost_per_token|cache_read_input_token_cost|cache_creation_input_token_cost(_above_1hr)?)"
    + "(_above_[0-9]+k_tokens)?$|^output_cost_per_reasoning_token$|^search_context_cost_per_query$")))
    # As the output, which is what stands where there is none.
    | if .output_cost_per_reasoning_token == .output_cost_per_token then del(.output_cost_per_reasoning_token) else . end
    # Only this provider tells in its usage how often it searched.
    | if $of != "anthropic" then del(.search_context_cost_per_query) else . end
    # Zero means there that no writes are told apart, and not that they are free.
    | if .cache_creation_input_token_cost == 0 then del(.cache_creation_input_token_cost) else . end;

[ to_entries[]
  | (.value.litellm_provider // "") as $provider
  | select($providers[$provider] != null)
  | select(.value.mode | IN("chat", "responses", "embedding"))
  # Free trials are no list price.
  | select((.value.input_cost_per_token // 0) > 0)
  | select(.key | test($left_out) | not)
  | .key |= bare($providers[$provider])
  | .value |= ({ litellm_provider, mode, deprecation_date } + columns
      + if .max_input_tokens then { max_input_tokens } else {} end)
]
| unique_by(.key)
| (map({ (.key): (.value | columns) }) | add) as $prices
# A dated name is found without a row of its own, and needs one only where it costs something else: then also when it is
# no longer sold, or it would get the price of its successor.
| map(select(.key as $name | ($name | undated) as $plain
    | if $name != $plain and $prices[$plain] != null then $prices[$name] != $prices[$plain]
      else (.value.deprecation_date // "9") > $date end))
| map(del(.value.deprecation_date))
| sort_by(.value.litellm_provider, .key)
| { date: $date, source: $source, licence: "MIT, Copyright (c) 2023 Berri AI, see LICENCE-PRICES.md", models: length }
  as $about
| "{\n\"_about\": \($about | tojson)" + (map(",\n\(.key | tojson): \(.value | tojson)") | add) + "\n}"
