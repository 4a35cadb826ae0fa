"""Every name that leaves the program in a span or a metric, so that a rename is one line here.

`gen_ai.*` follow OpenTelemetry's semantic conventions for generative AI, which are in development; `quorate.*` is ours.
"""

from typing import Final

# Attributes of spans: OpenTelemetry
OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
WORKFLOW: Final = "gen_ai.workflow.name"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHED_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
ERROR_TYPE: Final = "error.type"
STATUS_CODE: Final = "http.response.status_code"
SERVICE_NAME: Final = "service.name"
SERVICE_VERSION: Final = "service.version"

# Attributes of spans: ours
RUN_ID: Final = "quorate.run.id"
REQUEST_ID: Final = "quorate.request.id"
TENANT: Final = "quorate.tenant"
MODE: Final = "quorate.mode"
STATE: Final = "quorate.state"
COST: Final = "quorate.cost.microusd"
AGREEMENT_SCORE: Final = "quorate.agreement.score"
AGREEMENT_KIND: Final = "quorate.agreement.kind"
SELECTION: Final = "quorate.selection.method"
BRANCH: Final = "quorate.branch.path"
BRANCH_ROLE: Final = "quorate.branch.role"
BRANCH_GROUP: Final = "quorate.branch.group"
BRANCH_ATTEMPTS: Final = "quorate.branch.attempts"
BRANCH_SELECTED: Final = "quorate.branch.selected"
HEDGE: Final = "quorate.hedge"
HEDGE_MODEL: Final = "quorate.hedge.model"
HEDGE_AFTER: Final = "quorate.hedge.after_s"
RETRY: Final = "quorate.retry"
RETRY_ATTEMPT: Final = "quorate.retry.attempt"
RETRY_DELAY: Final = "quorate.retry.delay_s"
FALLBACK: Final = "quorate.fallback"
FALLBACK_FROM: Final = "quorate.fallback.from"
FALLBACK_TO: Final = "quorate.fallback.to"
STEP_PATH: Final = "quorate.step.path"
STEP_EXECUTOR: Final = "quorate.step.executor"
STEP_ATTEMPTS: Final = "quorate.step.attempts"
STEP_CACHED: Final = "quorate.step.cached"

# Operations, the first word of a span's name
CHAT: Final = "chat"
EMBEDDINGS: Final = "embeddings"
INVOKE_WORKFLOW: Final = "invoke_workflow"
JUDGE: Final = "judge"
SYNTHESIS: Final = "synthesis"
REVIEW: Final = "review"
SOURCES: Final = "sources"
STEP: Final = "step"
#: Our word for what a caller asked -> OpenTelemetry's.
OPERATIONS: Final = {"chat": CHAT, "responses": CHAT, "embeddings": EMBEDDINGS, "flow": INVOKE_WORKFLOW}
#: Our type of provider -> OpenTelemetry's name, where they differ.
PROVIDERS: Final = {
    "gemini": "gcp.gemini",
    "azure": "azure.ai.openai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
    "bedrock": "aws.bedrock",
}

# Metrics
REQUESTS: Final = "quorate_requests_total"
REQUEST_DURATION: Final = "quorate_request_duration_seconds"
TIME_TO_FIRST_TOKEN: Final = "quorate_time_to_first_token_seconds"  # noqa: S105 - a metric, not a password
IN_FLIGHT: Final = "quorate_requests_in_flight"
REJECTED: Final = "quorate_requests_rejected_total"
TOKENS: Final = "quorate_tokens_total"
COST_TOTAL: Final = "quorate_cost_microusd_total"
UNPRICED: Final = "quorate_unpriced_requests_total"
AGREEMENT: Final = "quorate_agreement"
BRANCHES: Final = "quorate_branches_total"
BRANCH_DURATION: Final = "quorate_branch_duration_seconds"
BRANCH_RETRIES: Final = "quorate_branch_retries_total"
BRANCH_TOKENS: Final = "quorate_branch_tokens_total"
BRANCH_COST: Final = "quorate_branch_cost_microusd_total"
UPSTREAM_ERRORS: Final = "quorate_upstream_errors_total"
RECORDS_WAITING: Final = "quorate_records_waiting"
RECORDS_WRITTEN: Final = "quorate_records_written_total"
RECORD_FAILURES: Final = "quorate_record_failures_total"
RECORDS_REFUSED: Final = "quorate_records_refused_total"
TEXTS_DROPPED: Final = "quorate_record_texts_dropped_total"
LOG_LINES_DROPPED: Final = "quorate_log_lines_dropped_total"
TRACES_DROPPED: Final = "quorate_traces_dropped_total"
LIMITS_DEGRADED: Final = "quorate_limits_degraded"
KEYS: Final = "quorate_keys"
CIRCUIT_STATE: Final = "quorate_circuit_state"
CIRCUIT_OPENED: Final = "quorate_circuit_opened_total"
CONCURRENCY_LIMIT: Final = "quorate_concurrency_limit"
CONCURRENCY_IN_USE: Final = "quorate_concurrency_in_use"
CONCURRENCY_WAITING: Final = "quorate_concurrency_waiting"
FLOW_RUNS: Final = "quorate_flow_runs_total"
FLOW_DURATION: Final = "quorate_flow_run_duration_seconds"
FLOW_STEPS: Final = "quorate_flow_steps_total"
FLOW_RUNS_IN_PROGRESS: Final = "quorate_flow_runs_in_progress"
FLOW_RUNS_QUEUED: Final = "quorate_flow_runs_queued"
FLOW_TAKEOVERS: Final = "quorate_flow_takeovers_total"
BUILD: Final = "quorate_build_info"
START: Final = "process_start_time_seconds"
CPU: Final = "process_cpu_seconds_total"
MEMORY: Final = "process_resident_memory_bytes"

#: The value of a label that stands for everything that has no series of its own.
OTHER: Final = "other"
