"""The steps of a study: what is computed, from which inputs, into which lake tables.

One module per step. It holds the step's declaration ``STEP`` and its compute function. Adding a
table means adding such a module and listing it in ``registry``; plan, stages, Dagster assets,
``status`` and the lake's checks follow. How a step is run belongs in
``dagster_project.runtime.compute``, what it computes in ``ingestion`` or ``models_gpu``.
"""
