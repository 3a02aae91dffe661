/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/background.h"

#include "grpc/call.h"

static void background_on_work(uv_work_t *request) {
    struct background *background = CONTAINER_OF(request, struct background, request);
    background->work(background);
}

static void background_on_done(uv_work_t *request, int status) {
    struct background *background = CONTAINER_OF(request, struct background, request);
    struct grpc_call *call = background->call;
    (void)status; /* nothing here cancels work */
    background->is_running = false;
    background->done(background);
    grpc_call_unref(call);
}

void background_start(struct background *background, struct grpc_call *call) {
    struct collector_worker *worker = grpc_call_worker_state(call);
    background->call = call;
    background->is_running = true;
    grpc_call_ref(call);
    int r = uv_queue_work(&worker->loop->uv, &background->request, background_on_work,
                          background_on_done);
    if (r == 0)
        return;
    background->is_running = false;
    grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "the server cannot start a read: %s",
                     uv_strerror(r));
    grpc_call_unref(call);
}

/* Memory or a queue at its limit will have room again; what is damaged stays so until somebody
 * mends it; the rest is the server's to mend. */
void background_finish_failed(struct grpc_call *call, const char *what, int r) {
    if (r == -EBADMSG) {
        grpc_call_finish(call, GRPC_DATA_LOSS,
                         "%s: stored readings are damaged; `thermograph check' says which", what);
        return;
    }
    bool is_full = r == -ENOMEM || r == -ENOBUFS;
    grpc_call_finish(call, is_full ? GRPC_RESOURCE_EXHAUSTED : GRPC_INTERNAL, "%s: %s", what,
                     strerror(-r));
}
