"""Validates inputs of UpdateUserPool as aws-cli does before it sends them.

Fields that an older aws-cli does not know are listed, and are no error here.
"""
import glob
import json
import sys

import botocore.session
import botocore.validate

NEW = {"IssuerConfiguration", "KeyConfiguration", "SmsConfiguration.EumsSms"}  # since 2026

model = botocore.session.get_session().get_service_model("cognito-idp")
shape = model.operation_model("UpdateUserPool").input_shape
missing = {n for n in NEW if n.split(".")[0] not in shape.members or
           "." in n and n.split(".")[1] not in shape.members[n.split(".")[0]].members}
files, bad = sorted(glob.glob(sys.argv[1] + "/*.json")), 0
for name in files:
    with open(name, encoding="utf-8") as f:
        document = json.load(f)
    for path in missing:
        parent, _, member = path.partition(".")
        if not member or member in document.get(parent, {}):
            document.pop(parent, None)
    report = botocore.validate.ParamValidator().validate(document, shape)
    if report.has_errors():
        bad += 1
        print(name, report.generate_report())
print(f"botocore {botocore.__version__}: {len(files)} documents, {bad} refused; not known to it: {sorted(missing)}")
sys.exit(bad > 0 or not files)
