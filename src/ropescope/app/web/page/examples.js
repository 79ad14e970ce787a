// Examples that can be asked as they are: the registry's own, with small files in the place of those that it only names.

import { fitting } from "./inputs.js";

/** @typedef {import("./types.d.ts").Form} Form */
/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {{ name: string, text: string }} Small */

const json = (/** @type {string} */ name, /** @type {any} */ value) => ({ name, text: JSON.stringify(value, null, 1) });

/** The config of Llama-3.1-8B as it is published. */
const CONFIG = json("Llama-3.1-8B.json", {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 128256,
  max_position_embeddings: 131072,
  rope_theta: 500000.0,
  rope_scaling: { rope_type: "llama3", factor: 8.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_max_position_embeddings: 8192 },
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
});

/** The config of Qwen3-8B as it is published. */
const OTHER = json("Qwen3-8B.json", {
  architectures: ["Qwen3ForCausalLM"],
  model_type: "qwen3",
  hidden_size: 4096,
  intermediate_size: 12288,
  num_hidden_layers: 36,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  head_dim: 128,
  vocab_size: 151936,
  max_position_embeddings: 40960,
  rope_theta: 1000000,
  rope_scaling: null,
  use_sliding_window: false,
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
});

const TEMPLATE = `{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system
You are a helpful assistant.<|im_end|>
{% endif %}<|im_start|>{{ message['role'] }}
{{ message['content'] }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`;

const TRAINING = `from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained("meta-llama/Llama-3.1-8B", load_in_4bit=True)
model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules=["query_key_value"], task_type="CAUSAL_LM"))
model = prepare_model_for_kbit_training(model)
`;

const request = (/** @type {string} */ time) => ({
  model: "claude-sonnet-4-5",
  system: [{ type: "text", text: `It is ${time}. Answer from the manual below.`, cache_control: { type: "ephemeral" } }],
  messages: [{ role: "user", content: "How do I reset it?" }],
});

/** Inputs in the place of the registry's, by question. @type {Record<string, Record<string, string | string[] | Small | Small[]>>} */
const OWN = {
  compare: { sources: [CONFIG, OTHER] },
  launch: { source: CONFIG, gpu: "4090", context: "32k", kv_precision: "fp8" },
  tokenizer: {
    tokenizers: ["smollm2", "o200k_base"],
    text: { name: "text.txt", text: "All human beings are born free and equal in dignity and rights.\n" },
  },
  template: { source: { name: "chat_template.jinja", text: TEMPLATE }, messages: json("chat.json", [{ role: "user", content: "Hi" }]) },
  speculative: { target: "Qwen/Qwen2.5-72B-Instruct", draft: "Qwen/Qwen2.5-0.5B-Instruct", engine: "vllm", acceptance: "0.7" },
  "prompt-cache": {
    request: json("before.json", request("14:00")), edited: json("after.json", request("14:01")), requests: "100", gap: "1m", tokens: "10000", input_price: "3",
  },
  "tools-schema": {
    schema: json("schema.json", { type: "object", properties: { answer: { type: "string" }, reasoning: { type: "string" } }, required: ["answer", "reasoning"] }),
    engine: "openai",
  },
  peft: { code: { name: "train.py", text: TRAINING } },
  arena: { votes: { name: "votes.csv", text: `model_a,model_b,winner\n${"A,B,model_a\n".repeat(60)}${"A,B,model_b\n".repeat(40)}` } },
  drift: { scores: "67.2,65.1", n: "1319" },
};

/**
 * The inputs of a question's example, with its files kept.
 * @param {Form} form
 * @param {import("./kept.js").Kept} kept
 * @returns {Promise<Given>}
 */
export async function examples(form, kept) {
  /** @type {Record<string, any>} */
  const wanted = OWN[form.name] ?? form.example;
  // A config stands for a Hub id, so that an example needs no network; a list of a repository's files cannot be made up.
  const offline = !(form.name in OWN) && form.needs === "files" && form.name !== "files" && form.name !== "adapter";
  /** @type {Given} */
  const given = {};
  for (const field of form.fields) {
    const isPath = field.control === "source" || field.control === "file";
    const values = [wanted[field.name] ?? []].flat();
    const found = [];
    for (const value of values) {
      const small = typeof value === "object" ? value : offline && field.control === "source" ? CONFIG : null;
      if (small) found.push(await kept.restored(small, field.control === "source"));
      else if (!isPath || !/^\.|\.\w+$/.test(String(value))) found.push(value);
    }
    if (found.length > 0) given[field.name] = Array.isArray(wanted[field.name]) ? found : found[0];
  }
  return fitting(form, given);
}
